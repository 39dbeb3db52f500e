"""The contract of the recommendation service to its use case and back."""

from datetime import UTC
from typing import Any
from uuid import UUID

from aisle.analytics.v1 import event_pb2
from aisle.recommendation.v1 import recommendation_service_pb2 as pb
from aisle.recommendation.v1.recommendation_service_pb2_grpc import RecommendationServiceServicer
from services.recommendation.application.recommend_products import RecommendProducts
from services.recommendation.domain.interaction import Interaction, Kind
from services.recommendation.domain.shelf import Placement, Question, Shelf
from services.runtime.errors import Denied
from services.runtime.interceptors import current_call

DEFAULT_SIZE, LARGEST_SIZE = 12, 40

_KINDS = {
    event_pb2.EVENT_TYPE_PRODUCT_VIEW: Kind.VIEW,
    event_pb2.EVENT_TYPE_RECOMMENDATION_CLICK: Kind.CLICK,
    event_pb2.EVENT_TYPE_ADD_TO_CART: Kind.ADD_TO_CART,
    event_pb2.EVENT_TYPE_PURCHASE: Kind.PURCHASE,
}


class RecommendationServicer(RecommendationServiceServicer):
    """Translates calls; everything else happens in the use case."""

    def __init__(self, recommend: RecommendProducts) -> None:
        """Take the use case."""
        self._recommend = recommend

    async def RecommendProducts(
        self, request: pb.RecommendProductsRequest, context: Any
    ) -> pb.RecommendProductsResponse:
        """Answer with shelves."""
        _only_of_caller(request.shopper)
        placement = Placement(pb.Placement.Name(request.placement).removeprefix("PLACEMENT_").lower())
        size = min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE)
        question = Question(placement, request.shopper, request.product, tuple(request.basket), size)
        answer = await self._recommend(question)
        return pb.RecommendProductsResponse(
            shelves=[_shelf(shelf) for shelf in answer.shelves.shelves],
            degraded=answer.shelves.degraded,
            cached=answer.cached,
        )


def _only_of_caller(shopper: str) -> None:
    """Refuse shelves made of somebody else's history; staff may see what anybody is shown."""
    call = current_call.get()
    if not shopper or call is None or call.caller.role == "admin":
        return
    if call.caller.subject != shopper:
        raise Denied("SHOPPER_NOT_CALLER", "Recommendations are for whoever asks.")


def interaction_of(content: bytes) -> Interaction | None:
    """Return what an event says about taste, None when it says nothing. Raises DecodeError or ValueError."""
    event = event_pb2.Event.FromString(content)
    kind = _KINDS.get(event.type)
    if kind is None or not event.product:
        return None
    return Interaction(
        UUID(event.event_id), event.shopper, event.session, event.product, kind, event.event_time.ToDatetime(UTC)
    )


def _shelf(shelf: Shelf) -> pb.Shelf:
    return pb.Shelf(
        id=shelf.id,
        title=shelf.title,
        anchor=shelf.anchor,
        recommendations=[pb.Recommendation(product=item.product, reason=item.reason) for item in shelf.items],
    )
