"""All services behind the BFF in one gRPC server, with the runtime's interceptors around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from aisle.analytics.v1 import analytics_service_pb2_grpc as analytics_grpc
from aisle.chat.v1 import chat_service_pb2_grpc as chat_grpc
from aisle.llm.v1 import llm_admin_service_pb2_grpc as llm_admin_grpc
from aisle.llm.v1 import llm_service_pb2_grpc as llm_grpc
from aisle.mesh.v1 import mesh_service_pb2_grpc as mesh_grpc
from aisle.product.v1 import product_service_pb2_grpc as product_grpc
from aisle.recommendation.v1 import recommendation_service_pb2_grpc as recommendation_grpc
from aisle.telemetry.v1 import telemetry_service_pb2_grpc as telemetry_grpc
from services.runtime.interceptors import MeshInterceptor
from tests.unit.bff import fake_shop
from tests.unit.bff.fake_mesh import FakeMesh
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.fake_telemetry import FakeTelemetry


@asynccontextmanager
async def served(shop: FakeShop) -> AsyncIterator[str]:
    """Yield the address of a server with all services."""
    server = grpc.aio.server(interceptors=[MeshInterceptor("shop.aisle")])
    product_grpc.add_ProductServiceServicer_to_server(fake_shop.Products(shop), server)
    chat_grpc.add_ChatServiceServicer_to_server(fake_shop.Chat(shop), server)
    llm_grpc.add_LlmServiceServicer_to_server(fake_shop.Llm(shop), server)
    llm_admin_grpc.add_LlmAdminServiceServicer_to_server(fake_shop.LlmAdmin(shop), server)
    recommendation_grpc.add_RecommendationServiceServicer_to_server(fake_shop.Recommendations(shop), server)
    analytics_grpc.add_AnalyticsServiceServicer_to_server(fake_shop.Analytics(shop), server)
    telemetry_grpc.add_TelemetryServiceServicer_to_server(FakeTelemetry(shop), server)
    mesh_grpc.add_MeshAdminServiceServicer_to_server(FakeMesh(shop), server)
    health = HealthServicer()
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
