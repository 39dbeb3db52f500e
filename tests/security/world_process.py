"""All services and the BFF in one process, as their own `__main__` wire them: `python -m tests.security.world_process`.

It reads a `Plan` as JSON from standard input, serves until it is told to stop, and logs as the services do. One server
answers for all services, so its port stands where Envoy's egress stands; each call meets the interceptors of the
service it is for. A model server that always answers the same stands behind the llm service.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop
from pydantic import SecretStr, TypeAdapter

from bff import upstreams
from bff.app import Application
from bff.auth.postgres_accounts import PostgresAccounts
from bff.auth.postgres_attempts import PostgresAttempts
from bff.server import DrainingServer
from bff.settings import BffSettings
from local.telemetry.__main__ import build as build_telemetry
from local.telemetry.settings import TelemetrySettings
from services.analytics.__main__ import build as build_analytics
from services.analytics.settings import AnalyticsSettings
from services.chat.__main__ import build as build_chat
from services.chat.settings import ChatSettings
from services.control_plane.__main__ import build as build_control_plane
from services.control_plane.settings import ControlPlaneSettings
from services.llm.__main__ import build as build_llm
from services.llm.settings import LlmSettings
from services.product.__main__ import build as build_product
from services.product.settings import ProductSettings
from services.recommendation.__main__ import build as build_recommendation
from services.recommendation.settings import RecommendationSettings
from services.runtime import serve, sql, telemetry
from services.runtime.interceptors import MeshInterceptor
from services.runtime.policy import service_name
from tests.fakes.llm_http_server import listening
from tests.fakes.llm_openai_server import OpenAIServer

DIMENSION = 384
# No proxy follows this control plane; its administration answers all the same.
REGISTRY = """
edge: {address: 127.0.0.1, port: 1}
egress: {address: 127.0.0.1, port: 2}
services: {llm: {protocol: grpc}}
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is."""

    databases: dict[str, str]
    redis_url: str
    milvus_uri: str
    folder: str
    grpc_port: int
    bff_port: int
    http_port: int
    signing_keys: str
    media_key: str
    api_keys: str
    password: str
    suffix: str

    def to_json(self) -> bytes:
        return TypeAdapter(dict[str, Any]).dump_json(asdict(self))


class Mesh(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Puts each call through the interceptors of the service it is for."""

    def __init__(self) -> None:
        self.services: dict[str, MeshInterceptor] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        path = str(handler_call_details.method).strip("/")
        own = self.services.get(service_name(path)) if path.startswith("aisle.") else None
        if own is None:
            return await continuation(handler_call_details)
        return await own.intercept_service(continuation, handler_call_details)


async def model_server(stack: AsyncExitStack) -> str:
    fake = OpenAIServer()
    fake.dimension = DIMENSION
    fake.models = ["smollm2-135m-instruct", "all-minilm-l6-v2"]
    port = await stack.enter_async_context(listening(fake.handle))
    return f"http://127.0.0.1:{port}/v1"


async def services_of(plan: Plan, stack: AsyncExitStack) -> dict[str, serve.Service]:
    """Build every service over the servers of the plan."""
    shared: dict[str, Any] = {
        "listen_port": plan.grpc_port,
        "egress_address": f"127.0.0.1:{plan.grpc_port}",
        "token_key": SecretStr("page-token-key"),
    }

    def url(name: str) -> SecretStr:
        return SecretStr(plan.databases[name])

    cache, items = SecretStr(plan.redis_url), f"items_{plan.suffix}"
    product = ProductSettings(
        **shared,
        database_url=url("product"),
        milvus_uri=plan.milvus_uri,
        milvus_collection=items,
        media_dir=Path(plan.folder) / "media",
        media_signing_key=SecretStr(plan.media_key),
    )
    chat = ChatSettings(
        **shared,
        database_url=url("chat"),
        milvus_uri=plan.milvus_uri,
        passages_collection=f"passages_{plan.suffix}",
    )
    recommendation = RecommendationSettings(
        **shared,
        database_url=url("recommendation"),
        redis_url=cache,
        milvus_uri=plan.milvus_uri,
        items_collection=items,
    )
    llm = LlmSettings(
        **shared,
        database_url=url("llm"),
        redis_url=cache,
        milvus_uri=plan.milvus_uri,
        local_url=await model_server(stack),
        spool_dir=str(Path(plan.folder) / "spool"),
        http_port=plan.http_port,
        api_keys=SecretStr(plan.api_keys),
        difficulty=False,
    )
    analytics = AnalyticsSettings(**shared, database_url=url("analytics"), redis_url=cache)
    registry = Path(plan.folder) / "registry.yaml"
    registry.write_text(REGISTRY)
    mesh = ControlPlaneSettings(**shared, registry=registry, delivery=registry.with_name("delivery.yaml"))
    return {
        "telemetry": await build_telemetry(TelemetrySettings(**shared), stack),
        "mesh": await build_control_plane(mesh, stack),
        "llm": await build_llm(llm, stack),
        "product": await build_product(product, stack),
        "chat": await build_chat(chat, stack),
        "recommendation": await build_recommendation(recommendation, stack),
        "analytics": await build_analytics(analytics, stack),
    }


async def application(plan: Plan, stack: AsyncExitStack) -> DrainingServer:
    """Return the BFF's server before the same port."""
    settings = BffSettings(
        listen_port=plan.bff_port,
        egress_address=f"127.0.0.1:{plan.grpc_port}",
        token_key=SecretStr("page-token-key"),
        database_url=SecretStr(plan.databases["bff"]),
        signing_keys=Path(plan.signing_keys),
        media_dir=str(Path(plan.folder) / "media"),
        media_signing_key=SecretStr(plan.media_key),
        access_token_minutes=600,
        drain_seconds=0,
        grace_seconds=1,
    )
    database = await stack.enter_async_context(sql.connect(plan.databases["bff"], service="bff"))
    accounts = PostgresAccounts(database)
    await accounts.prepare()
    services = await stack.enter_async_context(upstreams.connect(settings.egress_address))
    made = Application(settings, services, accounts, PostgresAttempts(database))
    await made.sign_in.prepare_demo(plan.password)
    return DrainingServer(made, settings)


async def run(plan: Plan) -> None:
    """Serve until told to stop."""
    mesh = Mesh()
    server = grpc.aio.server(
        interceptors=[mesh],
        options=(("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)),
    )
    async with AsyncExitStack() as stack:
        built = await services_of(plan, stack)
        for name, service in built.items():
            service.register(server)
            mesh.services[name] = MeshInterceptor(f"{name}.aisle", service.replies)
        server.add_insecure_port(f"127.0.0.1:{plan.grpc_port}")
        await server.start()
        bff = await application(plan, stack)
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(job()) for service in built.values() for job in service.background]
            jobs += [group.create_task(door.serve()) for service in built.values() for door in service.doors]
            await bff.serve()  # until a signal
            for job in jobs:
                job.cancel()
        await server.stop(1)


def main() -> None:
    plan = TypeAdapter(Plan).validate_json(sys.stdin.buffer.read())
    telemetry.setup("world", "INFO", "")
    uvloop.run(run(plan))


if __name__ == "__main__":
    main()
