"""The route of recommendations."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from aisle.recommendation.v1 import recommendation_service_pb2 as pb
from bff.auth.identity import Anyone
from bff.errors import documented
from bff.inputs import invalid, last_part, product_name
from bff.presentation import Product, Shopfront, shopfront_of
from bff.recommendations import schemas
from bff.upstreams import Upstreams, upstreams_of

router = APIRouter(prefix="/api/v1", tags=["recommendations"])

_PLACEMENTS: dict[schemas.Placement, Any] = {
    "home": pb.PLACEMENT_HOME,
    "product": pb.PLACEMENT_PRODUCT,
    "basket": pb.PLACEMENT_BASKET,
}


@router.get("/recommendations", responses=documented(404))
async def list_recommendations(
    query: Annotated[schemas.RecommendationQuery, Query()],
    identity: Anyone,
    services: Annotated[Upstreams, Depends(upstreams_of)],
    front: Annotated[Shopfront, Depends(shopfront_of)],
) -> schemas.Recommendations:
    """Return shelves of products for a place in the shop."""
    if query.placement == "product" and not query.product_id:
        raise invalid("product_id", "a product page needs the product it is about")
    reply = await services.recommendation.RecommendProducts(
        pb.RecommendProductsRequest(
            placement=_PLACEMENTS[query.placement],
            shopper=identity.subject,
            product=product_name(query.product_id) if query.product_id else "",
            basket=[f"products/{product_id}" for product_id in query.basket],
            page_size=query.page_size,
        )
    )
    names = (item.product for shelf in reply.shelves for item in shelf.recommendations)
    cards = await front.cards(names)
    shelves = [_shelf(shelf, cards) for shelf in reply.shelves]
    return schemas.Recommendations(
        shelves=[shelf for shelf in shelves if shelf.items], degraded=list(reply.degraded), cached=reply.cached
    )


def _shelf(shelf: pb.Shelf, cards: dict[str, Product]) -> schemas.Shelf:
    """Return a shelf without the products that have gone meanwhile."""
    return schemas.Shelf(
        id=shelf.id,
        title=shelf.title,
        anchor_product_id=last_part(shelf.anchor) or None,
        items=[
            schemas.Item(product=cards[item.product], reason=item.reason)
            for item in shelf.recommendations
            if item.product in cards
        ],
    )
