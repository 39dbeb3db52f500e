"""Between the catalogue's routes and its contract."""

from collections.abc import Iterable
from typing import Any, cast

from google.protobuf.field_mask_pb2 import FieldMask

from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as pb
from bff.auth.tokens import Identity
from bff.catalog import schemas
from bff.inputs import invalid, last_part
from bff.presentation import STATES, money_to, rating_from, time_of
from services.runtime.errors import Denied

ORDERS: dict[schemas.Order, Any] = {
    "newest": pb.PRODUCT_ORDER_UNSPECIFIED,
    "price": pb.PRODUCT_ORDER_PRICE_ASCENDING,
    "-price": pb.PRODUCT_ORDER_PRICE_DESCENDING,
    "rating": pb.PRODUCT_ORDER_RATING,
    "title": pb.PRODUCT_ORDER_TITLE,
}
TONES: dict[schemas.Tone, Any] = {
    "warm": pb.COPY_TONE_WARM,
    "plain": pb.COPY_TONE_PLAIN,
    "lively": pb.COPY_TONE_LIVELY,
}
_MATCHES: dict[int, schemas.Match] = {pb.MATCH_KIND_WORDS: "words", pb.MATCH_KIND_MEANING: "meaning"}
_MONEY = ("price", "list_price")
_SAME = ("title", "subtitle", "description", "brand", "stock_quantity", "attributes", "tags", "delivery_note")


def filter_of(query: schemas.FilterQuery, identity: Identity) -> pb.ProductFilter:
    """Return the filter of a list or search; other states than active are for staff."""
    if any(state != "active" for state in query.state) and not identity.is_admin:
        raise Denied("ROLE_TOO_LOW", "Only staff can see what is not on sale.")
    states = list(STATES.values()) if "all" in query.state else [STATES[s] for s in query.state if s != "all"]
    return pb.ProductFilter(
        categories=[f"categories/{category}" for category in query.category],
        brands=query.brand,
        min_price_minor=query.min_price,
        max_price_minor=query.max_price,
        in_stock=query.in_stock,
        min_rating=query.min_rating,
        states=states,
        reduced=query.reduced,
    )


def product_of(facts: schemas.ProductInput | schemas.ProductPatch | schemas.Draft) -> product_pb2.Product:
    """Return the product with the fields that were given."""
    given = facts.model_fields_set
    product = product_pb2.Product(**{name: getattr(facts, name) for name in _SAME if name in given})
    if facts.category_id and "category_id" in given:
        product.category = f"categories/{facts.category_id}"
    if "state" in given:
        product.state = STATES[facts.state]
    for name in _MONEY:
        money = getattr(facts, name)
        if name in given and money is not None:
            getattr(product, name).CopyFrom(money_to(money))
    return product


def update_of(name: str, patch: schemas.ProductPatch, request_id: str) -> pb.UpdateProductRequest:
    """Return the change of exactly the fields that were given."""
    paths = sorted("category" if field == "category_id" else field for field in patch.model_fields_set - {"etag"})
    if not paths:
        raise invalid("body", "name at least one field to change")
    product = product_of(patch)
    product.name = name
    product.etag = patch.etag or ""
    return pb.UpdateProductRequest(product=product, update_mask=FieldMask(paths=paths), request_id=request_id)


def copy_request_of(body: schemas.DescriptionRequest) -> pb.WriteProductCopyRequest:
    """Return the request for a product text."""
    if body.product_id is None and body.draft is None:
        raise invalid("product_id", "name a product or give a draft")
    return pb.WriteProductCopyRequest(
        product=f"products/{body.product_id}" if body.product_id else "",
        draft=product_of(body.draft) if body.draft else None,
        tone=TONES[body.tone],
        keywords=body.keywords,
        target_words=body.target_words,
    )


def facets_of(facets: Iterable[pb.Facet]) -> list[schemas.Facet]:
    """Return the ways of narrowing a list; each value is what the filter of its field takes."""
    return [
        schemas.Facet(
            field=cast(Any, facet.field),
            values=[
                schemas.FacetValue(
                    value=last_part(v.value) if facet.field == "category" else v.value,
                    label=v.label,
                    count=v.count,
                )
                for v in facet.values
            ],
        )
        for facet in facets
    ]


def ordered(found: list[schemas.FoundProduct], order: schemas.Order | None) -> list[schemas.FoundProduct]:
    """Return what was found in the order asked for: the contract ranks by relevance, so this orders one page."""
    if order == "newest":
        return sorted(found, key=lambda product: product.create_time, reverse=True)
    if order in ("price", "-price"):
        return sorted(found, key=lambda product: product.price.minor, reverse=order == "-price")
    if order == "rating":
        return sorted(found, key=lambda product: product.rating.average, reverse=True)
    return sorted(found, key=lambda product: product.title.casefold()) if order == "title" else found


def matches_of(result: pb.SearchResult) -> list[schemas.Match]:
    """Return how a product was found."""
    return [_MATCHES[kind] for kind in result.match_kinds if kind in _MATCHES]


def finding_of(finding: pb.CopyFinding) -> schemas.Finding:
    """Return something an editor should look at."""
    return schemas.Finding(rule=finding.rule, message=finding.message, excerpt=finding.excerpt)


def reviews_of(reply: pb.ListReviewsResponse) -> schemas.ReviewPage:
    """Return a page of reviews."""
    return schemas.ReviewPage(
        reviews=[
            schemas.Review(
                id=last_part(review.name),
                author=review.author,
                rating=review.rating,
                title=review.title,
                body=review.body,
                verified_purchase=review.verified_purchase,
                create_time=time_of(review.create_time),
            )
            for review in reply.reviews
        ],
        next_page_token=reply.next_page_token,
        rating=rating_from(reply.rating),
        # A product without reviews may come without counts.
        star_counts=(list(reply.star_counts) + [0] * 5)[:5],
        aspects=[
            schemas.Aspect(
                aspect=aspect.aspect,
                positive_count=aspect.positive_count,
                negative_count=aspect.negative_count,
                quote=aspect.quote,
                review_id=last_part(aspect.review),
            )
            for aspect in reply.aspects
        ],
    )
