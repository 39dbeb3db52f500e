"""Messages of the contract to values of the domain, and back."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2

from aisle.product.v1 import product_pb2 as resources
from aisle.product.v1 import product_service_pb2 as pb
from services.product.application.ports import TextDelta
from services.product.application.search_products import Found
from services.product.application.write_copy import CopyEvent, CopyFinished
from services.product.domain.copy_brief import Draft, Tone
from services.product.domain.copy_check import Finding
from services.product.domain.errors import field_invalid
from services.product.domain.facets import Facet
from services.product.domain.picture import is_key
from services.product.domain.price import Money
from services.product.domain.product import NEVER, Category, Image, Product, ProductState
from services.product.domain.product_filter import ProductFilter
from services.product.domain.review import Review, ReviewPage
from services.product.servicer.names import category_name, last_part, product_name, review_name

Sign = Callable[[str], str]

_TONES = {
    pb.COPY_TONE_UNSPECIFIED: Tone.WARM,
    pb.COPY_TONE_WARM: Tone.WARM,
    pb.COPY_TONE_PLAIN: Tone.PLAIN,
    pb.COPY_TONE_LIVELY: Tone.LIVELY,
}
_NO_PRICE = Money("XXX", 0)
# The furthest moments a timestamp of the contract can tell.
_SECONDS = range(-62_135_596_800, 253_402_300_800)


def to_product(message: resources.Product, path: str, *, needs_price: bool = True) -> Product:
    """Return the product of a message; what is output only is left behind."""
    if needs_price and not message.HasField("price"):
        raise field_invalid(f"{path}.price", "must be given")
    priced, reduced = message.HasField("price"), message.HasField("list_price")
    return Product(
        id=last_part(message.name),
        title=message.title,
        category=last_part(message.category),
        price=to_money(message.price, f"{path}.price") if priced else _NO_PRICE,
        subtitle=message.subtitle,
        description=message.description,
        brand=message.brand,
        list_price=to_money(message.list_price, f"{path}.list_price") if reduced else None,
        stock_quantity=message.stock_quantity,
        attributes=dict(message.attributes),
        tags=tuple(message.tags),
        images=tuple(_to_image(image, f"{path}.images[{n}]") for n, image in enumerate(message.images)),
        state=ProductState(message.state) if message.state else ProductState.ACTIVE,
        delivery_note=message.delivery_note,
        etag=message.etag,
    )


def from_product(product: Product, sign: Sign) -> resources.Product:
    """Return the message of a product, with addresses of its pictures."""
    message = resources.Product(
        name=product_name(product.id),
        title=product.title,
        subtitle=product.subtitle,
        description=product.description,
        category=category_name(product.category),
        brand=product.brand,
        price=from_money(product.price),
        stock_quantity=product.stock_quantity,
        attributes=dict(product.attributes),
        tags=product.tags,
        images=[
            resources.Image(
                key=image.key, alt_text=image.alt_text, width=image.width, height=image.height, uri=sign(image.key)
            )
            for image in product.images
        ],
        rating=resources.RatingSummary(average=product.rating.average, review_count=product.rating.count),
        state=resources.ProductState.ValueType(int(product.state)),
        create_time=_from_moment(product.create_time),
        update_time=_from_moment(product.update_time),
        etag=product.etag,
        delivery_note=product.delivery_note,
    )
    if product.list_price is not None:
        message.list_price.CopyFrom(from_money(product.list_price))
    return message


def to_money(message: money_pb2.Money, field: str) -> Money:
    """Return the amount of a message."""
    return Money.of_units(message.currency_code, message.units, message.nanos, field)


def from_money(money: Money) -> money_pb2.Money:
    """Return the message of an amount."""
    units, nanos = money.units_and_nanos()
    return money_pb2.Money(currency_code=money.currency, units=units, nanos=nanos)


def to_filter(message: pb.ProductFilter) -> ProductFilter:
    """Return the conditions of a message; without states only what is on sale."""
    if message.max_price_minor and message.max_price_minor < message.min_price_minor:
        raise field_invalid("filter.max_price_minor", "must not be below the lowest price")
    states = frozenset(ProductState(state) for state in message.states if state)
    return ProductFilter(
        categories=frozenset(last_part(category) for category in message.categories),
        brands=frozenset(brand.replace("\x00", "") for brand in message.brands),
        min_price_minor=message.min_price_minor,
        max_price_minor=message.max_price_minor,
        in_stock=message.in_stock,
        min_rating=message.min_rating,
        states=states or frozenset({ProductState.ACTIVE}),
        reduced=message.reduced,
    )


def from_facets(facets: Sequence[Facet]) -> list[pb.Facet]:
    """Return the messages of facets; categories go by their names."""
    return [
        pb.Facet(
            field=facet.field,
            values=[
                pb.FacetValue(
                    value=category_name(value.value) if facet.field == "category" else value.value,
                    label=value.label,
                    count=value.count,
                )
                for value in facet.values
            ],
        )
        for facet in facets
    ]


def match_kinds(found: Found) -> list[pb.MatchKind.ValueType]:
    """Return how a product was found; an exact name counts as words."""
    kinds = [pb.MATCH_KIND_MEANING] if found.by_meaning else []
    return [pb.MATCH_KIND_WORDS, *kinds] if found.by_words or not kinds else kinds


def to_category(message: resources.Category) -> Category:
    """Return the category of a message."""
    return Category(last_part(message.name), message.title, message.blurb, message.tint)


def from_category(category: Category) -> resources.Category:
    """Return the message of a category."""
    return resources.Category(
        name=category_name(category.id),
        title=category.title,
        blurb=category.blurb,
        tint=category.tint,
        product_count=category.product_count,
    )


def to_review(message: resources.Review, product_id: str, review_id: str) -> Review:
    """Return the review of a message."""
    return Review(
        product_id=product_id,
        id=review_id,
        author=message.author,
        rating=message.rating,
        title=message.title,
        body=message.body,
        verified_purchase=message.verified_purchase,
        create_time=_to_moment(message.create_time) if message.HasField("create_time") else NEVER,
    )


def review_cursor(review: Review) -> tuple[int, str]:
    """Return where a review stands among the newest."""
    return int(review.create_time.timestamp()) * 1_000_000 + review.create_time.microsecond, review.id


def from_review_page(page: ReviewPage, product: str, token: str) -> pb.ListReviewsResponse:
    """Return the message of a page of reviews."""
    product_id = last_part(product)
    return pb.ListReviewsResponse(
        reviews=[_from_review(review) for review in page.reviews],
        next_page_token=token,
        rating=resources.RatingSummary(average=page.average, review_count=page.count),
        star_counts=page.star_counts,
        aspects=[
            pb.AspectSummary(
                aspect=aspect.aspect,
                positive_count=aspect.positive_count,
                negative_count=aspect.negative_count,
                quote=aspect.quote,
                review=review_name(product_id, aspect.review_id),
            )
            for aspect in page.aspects
        ],
    )


def to_draft(message: resources.Product) -> Draft:
    """Return the facts of a draft."""
    return Draft(
        title=message.title,
        subtitle=message.subtitle,
        brand=message.brand,
        category=last_part(message.category),
        description=message.description,
        attributes=dict(message.attributes),
        tags=tuple(message.tags),
    )


def to_tone(tone: int) -> Tone:
    """Return the voice asked for."""
    return _TONES[pb.CopyTone.ValueType(tone)]


def from_copy_event(event: CopyEvent) -> pb.WriteProductCopyResponse:
    """Return the message of one event of a text."""
    match event:
        case TextDelta(text):
            return pb.WriteProductCopyResponse(text_delta=text)
        case Finding(rule, message, excerpt):
            return pb.WriteProductCopyResponse(finding=pb.CopyFinding(rule=rule, message=message, excerpt=excerpt))
        case CopyFinished(text, model, degraded):
            return pb.WriteProductCopyResponse(finished=pb.CopyFinished(text=text, model=model, degraded=degraded))


def _from_review(review: Review) -> resources.Review:
    return resources.Review(
        name=review_name(review.product_id, review.id),
        author=review.author,
        rating=review.rating,
        title=review.title,
        body=review.body,
        verified_purchase=review.verified_purchase,
        create_time=_from_moment(review.create_time),
    )


def _to_image(message: resources.Image, path: str) -> Image:
    if not is_key(message.key):
        raise field_invalid(f"{path}.key", "must be a key of the media store")
    return Image(message.key, message.alt_text, max(0, message.width), max(0, message.height))


def _to_moment(message: Timestamp) -> datetime:
    if message.seconds not in _SECONDS or not 0 <= message.nanos < 1_000_000_000:
        raise field_invalid("create_time", "must be a moment between the years 1 and 9999")
    return message.ToDatetime(tzinfo=UTC)


def _from_moment(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
