"""Mutual TLS between proxies, one beside each workload: who may call whom is proved, not said (S1)."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import grpc
import httpx2
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from websockets.sync.client import connect

from aisle.analytics.v1 import analytics_service_pb2 as analytics_pb
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from aisle.llm.v1 import llm_service_pb2 as llm_pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from aisle.mesh.v1 import mesh_service_pb2 as mesh_pb
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceStub
from local.authority import Authority
from tests.mesh.rig import eventually
from tests.mesh.sidecars_rig import WORKLOADS, Sidecars, identity, now

pytestmark = pytest.mark.servers

REPORT = analytics_pb.QueryReportRequest(report=analytics_pb.REPORT_OVERVIEW)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecars]:
    made = Sidecars(tmp_path_factory.mktemp("sidecars"))
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.stop()


@pytest.fixture
def sidecars(running: Sidecars) -> Sidecars:
    for backend in running.backends.values():
        backend.calls.clear()
    return running


def named(caller: str, role: str = "anonymous") -> list[tuple[str, str]]:
    return [("x-aisle-caller", caller), ("x-aisle-role", role)]


def models(sidecars: Sidecars, beside: str, caller: str) -> Any:
    with grpc.insecure_channel(sidecars.address("egress", beside)) as channel:
        return LlmServiceStub(channel).ListModels(llm_pb.ListModelsRequest(), metadata=named(caller), timeout=3)


def report(sidecars: Sidecars, role: str) -> Any:
    with grpc.insecure_channel(sidecars.address("egress", "bff")) as channel:
        return AnalyticsServiceStub(channel).QueryReport(REPORT, metadata=named("bff", role), timeout=3)


def code_of(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code()


def reason_of(call: Callable[[], Any]) -> tuple[str, str]:
    """Return by which reason a call is refused, and in which domain."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    status = rpc_status.from_call(cast("grpc.Call", refused.value))
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    return info.reason, info.domain


def is_unavailable(call: Callable[[], Any]) -> bool:
    try:
        call()
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def shaken(sidecars: Sidecars, context: ssl.SSLContext | None) -> bytes:
    """Connect to llm's proxy from outside the mesh, and return what it says to an HTTP/2 client's first words."""
    address = ("127.0.0.1", sidecars.ports["inbound llm"])
    with socket.create_connection(address, timeout=3) as plain:
        opened = context.wrap_socket(plain) if context is not None else plain
        opened.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        return opened.recv(100)


def test_every_proxy_takes_all_that_it_is_sent(sidecars: Sidecars) -> None:
    for workload in WORKLOADS:
        rejected = sidecars.admin(workload, "/stats?filter=update_rejected&usedonly").text
        assert [line for line in rejected.splitlines() if not line.endswith(": 0")] == []


def test_call_goes_through_both_proxies_and_tells_who_made_it(sidecars: Sidecars) -> None:
    eventually(lambda: models(sidecars, "bff", "bff") is not None)
    shown = sidecars.backends["llm"].metadata["x-forwarded-client-cert"]
    assert f"URI={identity('bff')}" in shown
    assert sidecars.stat("llm", r"listener\..*\.ssl\.no_certificate") == 0


def test_what_a_client_says_about_certificates_is_dropped(sidecars: Sidecars) -> None:
    lie = ("x-forwarded-client-cert", f"URI={identity('control-plane')}")
    with grpc.insecure_channel(sidecars.address("egress", "bff")) as channel:
        LlmServiceStub(channel).ListModels(llm_pb.ListModelsRequest(), metadata=[*named("bff"), lie], timeout=3)
    assert identity("control-plane") not in sidecars.backends["llm"].metadata["x-forwarded-client-cert"]


def test_streams_and_pages_and_sockets_pass(sidecars: Sidecars) -> None:
    with grpc.insecure_channel(sidecars.address("egress", "chat")) as channel:
        stream = LlmServiceStub(channel).GenerateText(llm_pb.GenerateTextRequest(), metadata=named("chat"), timeout=3)
        assert [part.text_delta for part in stream] == ["one ", "two ", "three"]
    edge = sidecars.address("edge", "edge")
    assert httpx2.get(f"http://{edge}/page", trust_env=False).json()["path"] == "/page"
    with connect(f"ws://{edge}/api/v1/chat/ws", proxy=None) as talk:
        talk.send("hello")
        assert talk.recv(5) == "echo 5"


def test_name_that_the_certificate_does_not_bear_is_refused(sidecars: Sidecars) -> None:
    assert code_of(lambda: models(sidecars, "chat", "bff")) is grpc.StatusCode.PERMISSION_DENIED
    assert code_of(lambda: models(sidecars, "bff", "")) is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(lambda: models(sidecars, "chat", "bff")) == ("CALLER_NOT_ALLOWED", "llm.aisle")
    assert sidecars.backends["llm"].calls["ListModels"] == 0


def test_caller_that_the_policy_does_not_name_is_refused_whatever_it_is_sent(sidecars: Sidecars) -> None:
    # The chat's proxy knows no way to a report; even with one it would be turned away at the other end.
    with grpc.insecure_channel(sidecars.address("egress", "chat")) as channel:
        ask = AnalyticsServiceStub(channel).QueryReport
        refused = code_of(lambda: ask(REPORT, metadata=named("chat", "admin"), timeout=3))
    assert refused is grpc.StatusCode.PERMISSION_DENIED
    assert sidecars.backends["analytics"].calls["QueryReport"] == 0


@pytest.mark.parametrize(
    ("role", "refusal"),
    [("shopper", grpc.StatusCode.PERMISSION_DENIED), ("anonymous", grpc.StatusCode.UNAUTHENTICATED)],
)
def test_user_without_the_role_is_refused_before_the_service(
    sidecars: Sidecars, role: str, refusal: grpc.StatusCode
) -> None:
    assert report(sidecars, "admin").columns == ["analytics"]
    sidecars.backends["analytics"].calls.clear()
    assert code_of(lambda: report(sidecars, role)) is refusal
    assert sidecars.backends["analytics"].calls["QueryReport"] == 0


def test_proxy_of_a_workload_knows_the_way_to_those_only_that_it_may_call(sidecars: Sidecars) -> None:
    known = {line.split("::")[0] for line in sidecars.admin("chat", "/clusters").text.splitlines()}
    assert known == {"control_plane", "llm", "analytics"}
    assert "inbound_llm" in sidecars.admin("llm", "/clusters").text


def test_member_of_the_mesh_is_taken_in(sidecars: Sidecars) -> None:
    # A SETTINGS frame, by which every HTTP/2 server begins.
    assert shaken(sidecars, sidecars.client("bff"))[3] == 4


def test_plain_text_is_refused(sidecars: Sidecars) -> None:
    # All it gets is a TLS alert: the first byte is its kind, no HTTP/2 frame begins so.
    assert shaken(sidecars, None)[:1] == b"\x15"


def without_certificate(sidecars: Sidecars) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=sidecars.authority.pem.decode())
    context.check_hostname = False
    return context


def of_another_authority(sidecars: Sidecars) -> ssl.SSLContext:
    return sidecars.client("bff", by=Authority.new(now()))


def of_another_mesh(sidecars: Sidecars) -> ssl.SSLContext:
    context = sidecars.client("bff")
    folder = sidecars.home / "another-mesh"
    sidecars.certify("bff-elsewhere", named=identity("bff", "other.test"))
    found = sidecars.certificates("bff-elsewhere")
    assert not folder.exists()
    context.load_cert_chain(found / "tls.crt", found / "tls.key")
    return context


def with_old_tls(sidecars: Sidecars) -> ssl.SSLContext:
    context = sidecars.client("bff")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def over(sidecars: Sidecars) -> ssl.SSLContext:
    context = sidecars.client("bff")
    sidecars.certify("bff-late", named=identity("bff"), lifetime=timedelta(seconds=-1))
    found = sidecars.certificates("bff-late")
    context.load_cert_chain(found / "tls.crt", found / "tls.key")
    return context


@pytest.mark.parametrize("made", [without_certificate, of_another_authority, of_another_mesh, with_old_tls, over])
def test_whoever_does_not_prove_to_be_of_the_mesh_is_refused(
    sidecars: Sidecars, made: Callable[[Sidecars], ssl.SSLContext]
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        assert shaken(sidecars, made(sidecars)) != b""
        pytest.fail("taken in")


def test_service_that_is_not_who_it_should_be_is_hung_up_on(sidecars: Sidecars) -> None:
    sidecars.certify("llm", named=identity("analytics"))
    try:
        # Connections live for a second here; then the new certificate is shown.
        eventually(lambda: is_unavailable(lambda: models(sidecars, "bff", "bff")), within=15)
        assert sidecars.stat("bff", r"cluster\.llm\.ssl\.fail_verify_san") >= 1
        sidecars.backends["llm"].calls.clear()
        assert code_of(lambda: models(sidecars, "bff", "bff")) is grpc.StatusCode.UNAVAILABLE
        assert sidecars.backends["llm"].calls["ListModels"] == 0
    finally:
        sidecars.certify("llm")
        eventually(lambda: models(sidecars, "bff", "bff") is not None, within=15)


def test_probe_tells_how_the_workload_is_and_nothing_else(sidecars: Sidecars) -> None:
    with grpc.insecure_channel(sidecars.address("probe", "llm")) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        assert check(health_pb2.HealthCheckRequest(), timeout=3).status == health_pb2.HealthCheckResponse.SERVING
        ask = LlmServiceStub(channel).ListModels
        assert code_of(lambda: ask(llm_pb.ListModelsRequest(), metadata=named("bff"), timeout=3)) in (
            grpc.StatusCode.PERMISSION_DENIED,
            grpc.StatusCode.UNIMPLEMENTED,
        )
    assert sidecars.probe("bff", "/healthz").status_code == 200
    assert sidecars.probe("bff", "/api/v1/products").status_code in (403, 404)


def test_proxy_is_sent_nothing_that_is_another_workloads(sidecars: Sidecars) -> None:
    sidecars.start_proxy("chat", claims="bff", node="chat-as-bff")
    try:
        why = f"{identity('chat')} is not the workload 'bff'"
        eventually(lambda: why in sidecars.log("chat-as-bff"))
        assert "proxy refused" in sidecars.control_plane_log.read_text()
    finally:
        sidecars.kill("chat-as-bff")


def test_status_shows_proxies_with_their_certificates(sidecars: Sidecars) -> None:
    with grpc.insecure_channel(sidecars.address("egress", "bff")) as channel:
        ask = MeshAdminServiceStub(channel).GetMeshStatus
        found = ask(mesh_pb.GetMeshStatusRequest(), metadata=named("bff", "admin"), timeout=3)
    by_workload = {proxy.workload: proxy for proxy in found.proxies}
    assert set(by_workload) == set(WORKLOADS)
    assert all(proxy.in_sync for proxy in found.proxies)
    chat = by_workload["chat"].certificate
    assert chat.identity == identity("chat")
    assert 0 < chat.expire_time.ToDatetime(now().tzinfo).timestamp() - now().timestamp() <= 3600
    # The proxy beside the control plane needs none to reach it.
    assert not by_workload["control-plane"].HasField("certificate")
    assert {version.workload for version in found.versions} == set(WORKLOADS)


def test_certificate_and_key_never_pass_the_control_plane(sidecars: Sidecars) -> None:
    for workload in WORKLOADS:
        dumped = sidecars.admin(workload, "/config_dump").text
        assert "BEGIN PRIVATE KEY" not in dumped
        assert "BEGIN EC PRIVATE KEY" not in dumped
    assert "PRIVATE KEY" not in sidecars.control_plane_log.read_text()


async def test_certificates_change_under_load_without_a_call_lost(sidecars: Sidecars) -> None:
    """Both sides get new certificates sixteen times in five seconds, the last eight by another authority."""
    before = sidecars.stat("llm", r"listener\.127.*\.ssl\.handshake")
    successor = Authority.new(now())
    # Everybody believes both before anybody shows the new one's.
    both = sidecars.authority.pem + successor.pem
    outcomes: Counter[str] = Counter()
    changing = True

    async def call() -> None:
        async with grpc.aio.insecure_channel(sidecars.address("egress", "bff")) as channel:
            ask = LlmServiceStub(channel).ListModels
            while changing:
                try:
                    await ask(llm_pb.ListModelsRequest(), metadata=named("bff"), timeout=5)
                    outcomes["answered"] += 1
                except grpc.aio.AioRpcError as error:
                    outcomes[f"{error.code()} {error.details()}"] += 1

    async def change() -> None:
        nonlocal changing
        for turn in range(16):
            for workload in ("bff", "llm", "analytics", "chat", "control-plane", "edge"):
                signer = successor if turn >= 8 else sidecars.authority
                await asyncio.to_thread(sidecars.certify, workload, by=signer, believed=both)
            await asyncio.sleep(0.3)
        changing = False

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(call())
        group.create_task(change())
    for workload in WORKLOADS:
        sidecars.certify(workload, believed=both)
    assert set(outcomes) == {"answered"}, outcomes
    # New certificates were shown: a connection lives for a second.
    assert sidecars.stat("llm", r"listener\.127.*\.ssl\.handshake") - before >= 4
    believed = sidecars.admin("llm", "/certs").json()["certificates"]
    assert any(len(one["ca_cert"]) == 2 for one in believed)
