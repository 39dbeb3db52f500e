"""What every call through the runtime does: deadlines, identity, validation, and errors that survive the wire."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    AnalyticsServiceStub,
    add_AnalyticsServiceServicer_to_server,
)
from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer, LlmServiceStub, add_LlmServiceServicer_to_server
from services.runtime import errors
from services.runtime.channel import MeshChannel
from services.runtime.interceptors import Caller, MeshInterceptor

ADMIN = Caller(subject="ada", role="admin")
TOP = pb.QueryReportRequest(report=pb.REPORT_OVERVIEW)


class Analytics(AnalyticsServiceServicer):
    """Answers as the test tells it to."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer

    async def QueryReport(self, request: Any, context: Any) -> Any:
        return self._answer(request)


class SlowLlm(LlmServiceServicer):
    """Streams for ever, and remembers whether its caller left."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def GenerateText(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield llm.GenerateTextResponse(text_delta="more ")
                await asyncio.sleep(0.01)
        finally:
            self.ended.set()


@asynccontextmanager
async def served(register: Callable[[grpc.aio.Server], None], upstream: str) -> AsyncIterator[MeshChannel]:
    server = grpc.aio.server(interceptors=[MeshInterceptor(f"{upstream}.aisle")])
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with MeshChannel("bff", upstream, f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def ask(answer: Callable[[Any], Any], request: Any = TOP, caller: Caller = ADMIN, **options: Any) -> Any:
    async with served(lambda s: add_AnalyticsServiceServicer_to_server(Analytics(answer), s), "analytics") as channel:
        return await AnalyticsServiceStub(channel).QueryReport(request, caller=caller, **options)


def fail(error: Exception) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        raise error

    return answer


async def test_reply_arrives() -> None:
    reply = await ask(lambda request: pb.QueryReportResponse(columns=["visitors"]))
    assert list(reply.columns) == ["visitors"]


async def test_domain_error_keeps_reason_metadata_and_retry_delay_over_the_wire() -> None:
    with pytest.raises(errors.Exhausted) as caught:
        await ask(fail(errors.Exhausted("BUDGET_SPENT", "Budget {budget} is spent.", 7.5, budget="b1")))
    assert (caught.value.reason, caught.value.metadata, caught.value.retry_after) == (
        "BUDGET_SPENT",
        {"budget": "b1"},
        7.5,
    )
    assert caught.value.message == "Budget b1 is spent."


async def test_message_with_braces_survives_the_wire() -> None:
    with pytest.raises(errors.NotFound, match="no \\{such\\} thing"):
        await ask(fail(errors.NotFound("X", "no {thing} thing", thing="{such}")))


async def test_broken_rule_is_invalid_with_the_field_named() -> None:
    with pytest.raises(errors.Invalid) as caught:
        await ask(lambda request: pb.QueryReportResponse(), pb.QueryReportRequest(limit=-1))
    assert {violation.field for violation in caught.value.violations} == {"report", "limit"}


async def test_unexpected_failure_leaks_nothing() -> None:
    with pytest.raises(errors.Internal) as caught:
        await ask(fail(RuntimeError("password=hunter2")))
    assert "hunter2" not in caught.value.message
    assert caught.value.metadata["request_id"] in caught.value.message


@pytest.mark.parametrize(
    ("caller", "refusal"), [(Caller(), errors.Unauthenticated), (Caller(subject="s", role="shopper"), errors.Denied)]
)
async def test_role_below_the_policy_is_refused(caller: Caller, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await ask(lambda request: pb.QueryReportResponse(), caller=caller)


async def test_service_that_the_policy_does_not_name_is_refused() -> None:
    servicer = Analytics(lambda request: pb.QueryReportResponse())
    async with served(lambda s: add_AnalyticsServiceServicer_to_server(servicer, s), "analytics") as channel:
        channel._service = "product"
        with pytest.raises(errors.Denied):
            await AnalyticsServiceStub(channel).QueryReport(TOP, caller=ADMIN)


async def test_call_longer_than_its_deadline_ends() -> None:
    async def slowly() -> Any:
        await asyncio.sleep(30)

    class Slow(AnalyticsServiceServicer):
        async def QueryReport(self, request: Any, context: Any) -> Any:
            return await slowly()

    async with served(lambda s: add_AnalyticsServiceServicer_to_server(Slow(), s), "analytics") as channel:
        with pytest.raises(errors.DeadlineExceeded):
            await AnalyticsServiceStub(channel).QueryReport(TOP, caller=ADMIN, timeout=0.1)


async def test_leaving_a_stream_stops_the_server_side() -> None:
    servicer = SlowLlm()
    request = llm.GenerateTextRequest(messages=[llm.ChatMessage(role=llm.CHAT_ROLE_USER, text="hi")])
    async with served(lambda s: add_LlmServiceServicer_to_server(servicer, s), "llm") as channel:
        stream = LlmServiceStub(channel).GenerateText(request)
        async for _ in stream:
            break
        await stream.aclose()
        await asyncio.wait_for(servicer.ended.wait(), 2)
    assert servicer.ended.is_set()


async def test_error_before_the_first_message_of_a_stream_is_typed() -> None:
    async with served(lambda s: add_LlmServiceServicer_to_server(SlowLlm(), s), "llm") as channel:
        with pytest.raises(errors.Invalid):
            async for _ in LlmServiceStub(channel).GenerateText(llm.GenerateTextRequest()):
                pass


async def test_calls_do_not_take_the_way_over_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await ask(lambda request: pb.QueryReportResponse(pending_count=7))).pending_count == 7
