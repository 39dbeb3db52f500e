"""The services behind the BFF, each through Envoy by its generated stub."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

from starlette.requests import HTTPConnection

from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from aisle.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from aisle.llm.v1.llm_admin_service_pb2_grpc import LlmAdminServiceStub
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceStub
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from aisle.recommendation.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from aisle.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from services.runtime.channel import MeshChannel

NAMES = ("product", "llm", "chat", "recommendation", "analytics", "mesh")
# Not there where traces go to a cloud: nobody is called not ready for it.
_TELEMETRY = "telemetry"

T = TypeVar("T")


@dataclass(frozen=True)
class Upstreams:
    """Stubs by service. Identity, request id and trace of the request being answered travel with every call."""

    product: ProductServiceStub
    llm: LlmServiceStub
    llm_admin: LlmAdminServiceStub
    chat: ChatServiceStub
    recommendation: RecommendationServiceStub
    analytics: AnalyticsServiceStub
    mesh: MeshAdminServiceStub
    telemetry: TelemetryServiceStub
    channels: dict[str, MeshChannel]


@asynccontextmanager
async def connect(egress_address: str, max_message_bytes: int = 16 << 20) -> AsyncIterator[Upstreams]:
    """Yield stubs of all services; connecting happens with the first call, so none of them needs to be up."""
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(MeshChannel("bff", name, egress_address, max_message_bytes))
            for name in NAMES
        }
        telemetry = await stack.enter_async_context(MeshChannel("bff", _TELEMETRY, egress_address, max_message_bytes))
        yield Upstreams(
            product=ProductServiceStub(channels["product"]),
            llm=LlmServiceStub(channels["llm"]),
            llm_admin=LlmAdminServiceStub(channels["llm"]),
            chat=ChatServiceStub(channels["chat"]),
            recommendation=RecommendationServiceStub(channels["recommendation"]),
            analytics=AnalyticsServiceStub(channels["analytics"]),
            mesh=MeshAdminServiceStub(channels["mesh"]),
            telemetry=TelemetryServiceStub(telemetry),
            channels=channels,
        )


def events_of(stream: AsyncIterable[T]) -> "aclosing[AsyncGenerator[T, None]]":
    """Return a server stream that is cancelled upstream as soon as its block is left."""
    return aclosing(cast("AsyncGenerator[T, None]", stream))


def upstreams_of(connection: HTTPConnection) -> Upstreams:
    """Return the services, for routes to depend on."""
    found: Upstreams = connection.app.state.upstreams
    return found
