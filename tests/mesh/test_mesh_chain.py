"""Three services that call each other through Envoy, all failing: retries must not multiply along the chain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from aisle.analytics.v1 import analytics_service_pb2 as analytics_pb
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    AnalyticsServiceStub,
    add_AnalyticsServiceServicer_to_server,
)
from aisle.llm.v1 import llm_service_pb2 as llm_pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer, LlmServiceStub, add_LlmServiceServicer_to_server
from aisle.product.v1 import product_service_pb2 as product_pb
from aisle.product.v1.product_pb2 import Product
from aisle.product.v1.product_service_pb2_grpc import (
    ProductServiceServicer,
    ProductServiceStub,
    add_ProductServiceServicer_to_server,
)
from services.runtime import health
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError, DeadlineExceeded, Unavailable
from services.runtime.interceptors import Caller, MeshInterceptor
from tests.mesh.rig import Mesh, free_port, registry

pytestmark = pytest.mark.servers

STAFF = Caller(subject="users/staff", role="admin")


class Chain(AnalyticsServiceServicer, ProductServiceServicer, LlmServiceServicer):
    """Answers as all three; each asks the next one, and the last does as it is told."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.remaining: dict[str, float] = {}
        self.cancelled = asyncio.Event()
        self.fails = True
        self.seconds = 0.2
        self.product: Any = None
        self.llm: Any = None

    async def QueryReport(self, request: Any, context: Any) -> Any:
        self._note("analytics", context)
        await self.product.GetProduct(product_pb.GetProductRequest(name="products/teapot"))
        return analytics_pb.QueryReportResponse()

    async def GetProduct(self, request: Any, context: Any) -> Any:
        self._note("product", context)
        await self.llm.ListModels(llm_pb.ListModelsRequest())
        return Product(name=request.name)

    async def ListModels(self, request: Any, context: Any) -> Any:
        self._note("llm", context)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.fails:
            raise Unavailable("AWAY", "Away, as told.")
        return llm_pb.ListModelsResponse()

    def _note(self, service: str, context: Any) -> None:
        self.asked[service] += 1
        self.remaining[service] = context.time_remaining()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Chain, Any]]:
    chain = Chain()
    async with AsyncExitStack() as stack:
        ports = {name: await serving(chain, name, stack) for name in ("analytics", "product", "llm")}
        folder: Path = tmp_path_factory.mktemp("chain")
        mesh = Mesh(folder, registry({name: [port] for name, port in ports.items()}, free_port()))
        stack.callback(mesh.stop)
        await asyncio.to_thread(mesh.wait_until_ready)
        # Whom each is taken for is the one the policies let call.
        chain.product = ProductServiceStub(await stack.enter_async_context(MeshChannel("chat", "product", mesh.egress)))
        chain.llm = LlmServiceStub(await stack.enter_async_context(MeshChannel("bff", "llm", mesh.egress)))
        client = await stack.enter_async_context(MeshChannel("bff", "analytics", mesh.egress))
        yield chain, AnalyticsServiceStub(client)


async def serving(chain: Chain, name: str, stack: AsyncExitStack) -> int:
    server = grpc.aio.server(interceptors=[MeshInterceptor(f"{name}.aisle")])
    add_AnalyticsServiceServicer_to_server(chain, server)
    add_ProductServiceServicer_to_server(chain, server)
    add_LlmServiceServicer_to_server(chain, server)
    state = health.Health([name], {})
    health.add_to_server(state, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await state.serving()
    stack.push_async_callback(server.stop, None)
    return port


async def outcome(stub: Any, timeout: float | None = None) -> str:
    ask = analytics_pb.QueryReportRequest(report=analytics_pb.REPORT_OVERVIEW)
    try:
        await stub.QueryReport(ask, caller=STAFF, timeout=timeout)
    except AisleError as failure:
        return type(failure).__name__
    return "ok"


@pytest.mark.asyncio(loop_scope="module")
async def test_total_failure_three_hops_away_is_asked_for_a_fifth_more_at_the_most(chain: tuple[Chain, Any]) -> None:
    served, stub = chain
    served.asked.clear()
    served.fails, served.seconds = True, 0.2
    ended: Counter[str] = Counter()

    async def caller() -> None:
        for _ in range(10):
            ended[await outcome(stub)] += 1

    await asyncio.gather(*(caller() for _ in range(64)))
    offered = ended.total()
    assert ended == {"Unavailable": 640}
    assert offered < served.asked["llm"] <= 1.2 * offered
    # Only the first proxy repeats a call: whatever is repeated passes each service once.
    assert served.asked["analytics"] == served.asked["product"] == served.asked["llm"]


@pytest.mark.asyncio(loop_scope="module")
async def test_each_hop_has_what_is_left_of_the_caller_s_time(chain: tuple[Chain, Any]) -> None:
    served, stub = chain
    served.fails, served.seconds = False, 0.05
    assert await outcome(stub, timeout=1.0) == "ok"
    # Deadlines travel in whole milliseconds, rounded up.
    left = [1.0, *(served.remaining[name] for name in ("analytics", "product", "llm"))]
    assert all(later <= earlier + 0.02 for earlier, later in pairwise(left))
    assert left[-1] > 0.5


@pytest.mark.asyncio(loop_scope="module")
async def test_whoever_leaves_stops_the_call_three_hops_away(chain: tuple[Chain, Any]) -> None:
    served, stub = chain
    served.fails, served.seconds = False, 30.0
    served.cancelled.clear()
    asking = asyncio.ensure_future(outcome(stub))
    await asyncio.sleep(0.3)
    asking.cancel()
    async with asyncio.timeout(0.5):
        await served.cancelled.wait()
    served.cancelled.clear()
    assert await outcome(stub, timeout=0.5) == DeadlineExceeded.__name__
    async with asyncio.timeout(0.5):
        await served.cancelled.wait()
