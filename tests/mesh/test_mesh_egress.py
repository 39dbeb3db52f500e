"""Calls between services through a real Envoy that was configured by our control plane alone."""

import asyncio
import time
from collections.abc import Callable

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from aisle.analytics.v1 import analytics_service_pb2 as analytics_pb
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from aisle.llm.v1 import llm_service_pb2 as llm_pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from tests.mesh.rig import ANALYTICS, GrpcBackend, Mesh

pytestmark = pytest.mark.servers

ASK = analytics_pb.QueryReportRequest(report=analytics_pb.REPORT_OVERVIEW)


def failing(code: grpc.StatusCode, times: int = 99) -> Callable[[int, grpc.ServicerContext], None]:
    def act(call: int, context: grpc.ServicerContext) -> None:
        if call <= times:
            context.abort(code, "as the test wants it")

    return act


def channel_to(mesh: Mesh, authority: str) -> grpc.Channel:
    return grpc.insecure_channel(mesh.egress, options=(("grpc.default_authority", authority),))


def test_envoy_accepts_all_that_the_control_plane_sends(mesh: Mesh) -> None:
    dump = mesh.admin("/config_dump").json()["configs"]
    static = [config.get("static_listeners") or config.get("static_route_configs") for config in dump]
    assert not any(static)
    for rejected in (
        "cluster_manager.cds.update_rejected",
        "listener_manager.lds.update_rejected",
        "http.edge.rds.edge.update_rejected",
        "http.egress.rds.egress.update_rejected",
        "cluster.analytics.update_rejected",
    ):
        assert mesh.stat(rejected) == 0
    assert mesh.stat("http.egress.rds.egress.update_success") >= 1


def test_envoy_finds_nothing_outdated_or_unlimited_in_its_configuration(mesh: Mesh) -> None:
    # Other warnings are about a control plane that was not up yet, which tests of this folder provoke.
    words = ("deprecated", "unknown field", "rejected", "no configured limit")
    assert [
        line for line in mesh.envoy_log.read_text().splitlines() if any(word in line.lower() for word in words)
    ] == []


def test_call_finds_its_service_by_the_method_alone(analytics: AnalyticsServiceStub, backend: GrpcBackend) -> None:
    assert list(analytics.QueryReport(ASK).columns) == ["first"]
    assert backend.calls["QueryReport"] == 1


def test_call_finds_its_service_by_authority(mesh: Mesh, backend: GrpcBackend) -> None:
    for authority in ("analytics.aisle", "analytics.aisle:15001"):
        with channel_to(mesh, authority) as channel:
            AnalyticsServiceStub(channel).QueryReport(ASK)
    assert backend.calls["QueryReport"] == 2


def test_each_call_is_counted_by_method(mesh: Mesh, analytics: AnalyticsServiceStub) -> None:
    counter = f"cluster.analytics.grpc.{ANALYTICS}.QueryReport.success"
    before = mesh.stat(counter)
    for _ in range(3):
        analytics.QueryReport(ASK)
    assert mesh.stat(counter) == before + 3


def test_method_of_another_service_is_not_reached_by_authority(mesh: Mesh, backend: GrpcBackend) -> None:
    with channel_to(mesh, "llm.aisle") as channel, pytest.raises(grpc.RpcError) as caught:
        AnalyticsServiceStub(channel).QueryReport(ASK)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert not backend.calls


def test_unknown_method_is_unimplemented(mesh: Mesh) -> None:
    with channel_to(mesh, "anyone") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{ANALYTICS}/DropTables", None, None)(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_and_reflection_reach_a_named_service(mesh: Mesh) -> None:
    with channel_to(mesh, "analytics.aisle") as channel:
        state = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        listed = next(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(asked))
    assert state.status == health_pb2.HealthCheckResponse.SERVING
    assert ANALYTICS in {service.name for service in listed.list_services_response.service}


def test_service_without_a_living_replica_is_unavailable(mesh: Mesh) -> None:
    with channel_to(mesh, "product.aisle") as channel, pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_those_who_leave_by_the_thousand_take_nobody_with_them(mesh: Mesh, backend: GrpcBackend) -> None:
    errors, resets = "http.egress.downstream_cx_protocol_error", "http.egress.downstream_rq_rx_reset"
    errors_before, resets_before = mesh.stat(errors), mesh.stat(resets)

    def slow_for_leavers(_call: int, context: grpc.ServicerContext) -> None:
        if ("leaves", "yes") in context.invocation_metadata():
            time.sleep(0.01)

    backend.script["QueryReport"] = slow_for_leavers
    async with grpc.aio.insecure_channel(mesh.egress) as channel:
        stub = AnalyticsServiceStub(channel)

        async def call_and_leave() -> None:
            for number in range(600):
                if number % 3:
                    assert list((await stub.QueryReport(ASK, timeout=20)).columns) == ["first"]
                else:
                    left = stub.QueryReport(ASK, metadata=(("leaves", "yes"),))
                    await asyncio.sleep(0.003)
                    left.cancel()

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(call_and_leave())
    # More than Envoy takes for an attack by itself: a thousand, and 33 a second.
    assert mesh.stat(resets) >= resets_before + 1_400
    assert mesh.stat(errors) == errors_before


def test_retry_safe_call_survives_one_unavailable(analytics: AnalyticsServiceStub, backend: GrpcBackend) -> None:
    backend.script["QueryReport"] = failing(grpc.StatusCode.UNAVAILABLE, times=1)
    assert list(analytics.QueryReport(ASK).columns) == ["first"]
    assert backend.calls["QueryReport"] == 2


def test_retries_end(analytics: AnalyticsServiceStub, backend: GrpcBackend) -> None:
    backend.script["QueryReport"] = failing(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(grpc.RpcError) as caught:
        analytics.QueryReport(ASK)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert backend.calls["QueryReport"] == 3


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED])
def test_other_failures_are_not_retried(
    analytics: AnalyticsServiceStub, backend: GrpcBackend, code: grpc.StatusCode
) -> None:
    backend.script["QueryReport"] = failing(code)
    with pytest.raises(grpc.RpcError) as caught:
        analytics.QueryReport(ASK)
    assert caught.value.code() == code
    assert backend.calls["QueryReport"] == 1


def test_call_that_is_not_retry_safe_is_sent_once(llm: LlmServiceStub, backend: GrpcBackend) -> None:
    backend.script["GenerateText"] = failing(grpc.StatusCode.UNAVAILABLE, times=1)
    with pytest.raises(grpc.RpcError) as caught:
        list(llm.GenerateText(llm_pb.GenerateTextRequest()))
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert backend.calls["GenerateText"] == 1


def test_stream_arrives_in_order(llm: LlmServiceStub) -> None:
    replies = llm.GenerateText(llm_pb.GenerateTextRequest())
    assert "".join(reply.text_delta for reply in replies) == "one two three"


def test_call_ends_at_the_timeout_of_its_policy(llm: LlmServiceStub, backend: GrpcBackend) -> None:
    backend.script["ListModels"] = lambda call, context: time.sleep(6)
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        llm.ListModels(llm_pb.ListModelsRequest())
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began > 2.9


def test_deadline_of_the_client_reaches_the_service(analytics: AnalyticsServiceStub, backend: GrpcBackend) -> None:
    analytics.QueryReport(ASK, timeout=2.0)
    remaining = backend.remaining[-1]
    assert remaining is not None
    assert 0 < remaining <= 2.0


def test_identity_reaches_the_service(analytics: AnalyticsServiceStub, backend: GrpcBackend) -> None:
    analytics.QueryReport(ASK, metadata=(("x-aisle-caller", "bff"), ("x-request-id", "r-1")))
    assert (backend.metadata["x-aisle-caller"], backend.metadata["x-request-id"]) == ("bff", "r-1")
