"""The cases by which gRPC's projects show that they understand xDS, and those of two replicas of which one is lost.

Source of the first: grpc/grpc, doc/xds-test-descriptions.md. A client calls at a constant rate through Envoy, which our
control plane configures, and who answered is counted. Four backends are processes, to be killed and frozen.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from aisle.llm.v1 import llm_service_pb2 as llm_pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from tests.mesh.backend_process import Backend
from tests.mesh.rig import Mesh, free_port, registry

pytestmark = pytest.mark.servers

ASK = pb.QueryReportRequest(report=pb.REPORT_OVERVIEW)
WRITE = llm_pb.CompleteTextRequest()
Metadata = tuple[tuple[str, str], ...]


@dataclass
class Seen:
    """Who answered, and what was not answered well."""

    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.answered.total() + self.failed.total()

    def share(self, name: str) -> float:
        return self.answered[name] / max(1, self.total)


class Rig:
    """The mesh, its four backends, and clients of it."""

    def __init__(self, mesh: Mesh, backends: Sequence[Backend], plain: dict[str, Any]) -> None:
        self.mesh, self.backends, self.plain = mesh, backends, plain

    def place(self, *places: dict[str, Any], zone: str = "", service: str = "analytics") -> None:
        """Have these replicas behind a service: the index of each backend, and what the registry says of it."""
        endpoints = [
            {"address": "127.0.0.1", "port": self.backends[place["at"]].port}
            | {key: value for key, value in place.items() if key != "at"}
            for place in places
        ]
        services = {**self.plain["services"], service: {"protocol": "grpc", "endpoints": endpoints}}
        self.mesh.write_registry({**self.plain, "services": services, "zone": zone})

    @asynccontextmanager
    async def calling(self, rate: float = 200.0, metadata: Metadata = ()) -> AsyncIterator[Seen]:
        """Call at a constant rate, each call for itself, until left."""
        seen, running = Seen(), set[asyncio.Task[None]]()
        async with grpc.aio.insecure_channel(self.mesh.egress) as channel:
            stub = AnalyticsServiceStub(channel)

            async def call() -> None:
                try:
                    answer = await stub.QueryReport(ASK, timeout=8, metadata=metadata)
                    seen.answered[answer.columns[0]] += 1
                except grpc.aio.AioRpcError as failure:
                    seen.failed[f"{failure.code().name}: {failure.details()}"] += 1

            async def calls() -> None:
                async with asyncio.TaskGroup() as group:
                    while True:
                        running.add(one := group.create_task(call()))
                        one.add_done_callback(running.discard)
                        await asyncio.sleep(1 / rate)

            caller = asyncio.ensure_future(calls())
            try:
                yield seen
            finally:
                # Whatever was asked is waited for: a call that hangs is a call that failed.
                waiting = list(running)
                await asyncio.wait(waiting, timeout=10) if waiting else None
                caller.cancel()
                await asyncio.gather(caller, return_exceptions=True)

    async def until_only(self, *names: str, metadata: Metadata = ()) -> None:
        """Wait until nobody else has answered for half a second, and each of these has."""
        async with asyncio.timeout(15):
            while True:
                async with self.calling(metadata=metadata) as seen:
                    await asyncio.sleep(0.5)
                if set(seen.answered) == set(names) and not seen.failed:
                    return

    async def count(self, seconds: float, rate: float = 400.0, metadata: Metadata = ()) -> Seen:
        """Call for a while, and return who answered."""
        async with self.calling(rate, metadata) as seen:
            await asyncio.sleep(seconds)
        return seen


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    backends = [Backend(name) for name in "abcd"]
    plain = registry({"llm": [backends[3].port], "analytics": []}, free_port())
    mesh = Mesh(tmp_path_factory.mktemp("interop"), plain)
    try:
        mesh.wait_until_ready()
        yield Rig(mesh, backends, plain)
    finally:
        mesh.stop()
        for backend in backends:
            backend.kill()


@pytest.fixture
async def rig(running: Rig) -> AsyncIterator[Rig]:
    running.mesh.write_delivery({})
    running.place({"at": 0}, {"at": 1})
    await running.until_only("a", "b")
    yield running
    running.mesh.write_delivery({})


async def test_ping_pong_and_round_robin_every_replica_has_its_share(rig: Rig) -> None:
    rig.place(*({"at": at} for at in range(4)))
    await rig.until_only(*"abcd")
    seen = await rig.count(2.0)
    assert not seen.failed
    assert min(seen.share(name) for name in "abcd") > 0.15


async def test_backends_restart_one_after_the_other_and_no_call_fails(rig: Rig) -> None:
    async with rig.calling() as seen:
        for backend in rig.backends[:2]:
            await asyncio.to_thread(backend.leave)
            await asyncio.to_thread(backend.start)
            await asyncio.sleep(2.0)
    assert seen.failed == Counter()
    assert seen.total > 500


async def test_remove_instance_group_moves_its_calls_to_the_other(rig: Rig) -> None:
    rig.place(*({"at": at, "zone": "ab"[at // 2]} for at in range(4)))
    await rig.until_only(*"abcd")
    async with rig.calling() as seen:
        rig.place({"at": 0, "zone": "a"}, {"at": 1, "zone": "a"})
        await rig.until_only("a", "b")
    assert seen.failed == Counter()


async def test_change_backend_service_moves_all_calls(rig: Rig) -> None:
    async with rig.calling() as seen:
        rig.place({"at": 2}, {"at": 3})
        await rig.until_only("c", "d")
    assert seen.failed == Counter()


async def test_secondary_locality_is_asked_only_when_the_primary_is_lost(rig: Rig) -> None:
    rig.place({"at": 0, "zone": "near"}, {"at": 1, "zone": "near"}, {"at": 2, "zone": "far"}, zone="near")
    await rig.until_only("a", "b")
    rig.backends[0].signal(signal.SIGSTOP)
    rig.backends[1].signal(signal.SIGSTOP)
    try:
        await rig.until_only("c")
    finally:
        rig.backends[0].signal(signal.SIGCONT)
        rig.backends[1].signal(signal.SIGCONT)
    await rig.until_only("a", "b")


async def test_gentle_failover_sends_only_what_the_primary_cannot_take(rig: Rig) -> None:
    rig.place({"at": 0, "zone": "near"}, {"at": 1, "zone": "near"}, {"at": 2, "zone": "far"}, zone="near")
    await rig.until_only("a", "b")
    rig.backends[0].signal(signal.SIGSTOP)
    try:
        await rig.until_only("b", "c")
        seen = await rig.count(2.0)
    finally:
        rig.backends[0].signal(signal.SIGCONT)
    # One of two is well: 50 % × 1.4 stay.
    assert 0.6 < seen.share("b") < 0.8
    assert not seen.failed


async def test_traffic_splitting_follows_the_weights_and_their_change(rig: Rig) -> None:
    rig.place({"at": 0}, {"at": 1}, {"at": 2, "version": "v2"})
    await rig.until_only("a", "b")
    for weight, least, most in ((20, 0.15, 0.25), (50, 0.44, 0.56)):
        rig.mesh.write_delivery({"analytics": {"weights": {"stable": 100 - weight, "v2": weight}}})
        await rig.until_only("a", "b", "c")
        await asyncio.sleep(0.5)
        seen = await rig.count(3.0)
        assert not seen.failed
        assert least < seen.share("c") < most
    rig.mesh.write_delivery({"analytics": {"weights": {"v2": 1}}})
    await rig.until_only("c")


async def test_path_matching_methods_of_two_services_go_to_their_own(rig: Rig) -> None:
    async with grpc.aio.insecure_channel(rig.mesh.egress) as channel:
        written = {(await LlmServiceStub(channel).CompleteText(WRITE, timeout=5)).text for _ in range(20)}
        read = {(await AnalyticsServiceStub(channel).QueryReport(ASK, timeout=5)).columns[0] for _ in range(20)}
    assert (written, read) == ({"d"}, {"a", "b"})


async def test_header_matching_sends_a_user_to_a_version(rig: Rig) -> None:
    anna, ben = (("x-aisle-subject", "users/anna"),), (("x-aisle-subject", "users/ben"),)
    rig.place({"at": 0}, {"at": 1}, {"at": 2, "version": "v2"})
    rule = {"header": "x-aisle-subject", "value": "users/anna", "version": "v2"}
    rig.mesh.write_delivery({"analytics": {"rules": [rule]}})
    await rig.until_only("c", metadata=anna)
    assert set((await rig.count(1.0, metadata=ben)).answered) == {"a", "b"}


async def test_shadow_gets_copies_whose_answers_nobody_sees(rig: Rig) -> None:
    rig.place({"at": 0}, {"at": 1}, {"at": 2, "version": "v2"})
    rig.mesh.write_delivery({"analytics": {"shadow": {"version": "v2", "percent": 50}}})
    before, copied = rig.backends[2].asked, 0
    async with asyncio.timeout(15):
        while not copied:
            seen = await rig.count(0.5)
            copied = rig.backends[2].asked - before
    await asyncio.sleep(0.5)
    before = rig.backends[2].asked
    seen = await rig.count(2.0)
    await asyncio.sleep(0.5)
    assert set(seen.answered) == {"a", "b"}
    assert not seen.failed
    assert 0.4 < (rig.backends[2].asked - before) / seen.total < 0.6


async def test_fault_aborts_its_share_of_those_it_is_meant_for(rig: Rig) -> None:
    told = (("x-fault", "on"),)
    abort = {"code": "FAILED_PRECONDITION", "percent": 50}
    fault = {"abort": abort, "when": {"header": "x-fault", "value": "on"}}
    rig.mesh.write_delivery({"analytics": {"fault": fault}})
    async with asyncio.timeout(15):
        while not (await rig.count(0.5, metadata=told)).failed:
            pass
    meant, others = await rig.count(2.0, metadata=told), await rig.count(1.0)
    assert 0.4 < meant.failed["FAILED_PRECONDITION: fault filter abort"] / meant.total < 0.6
    assert not others.failed


async def test_circuit_breaking_lets_so_many_run_and_refuses_the_rest_at_once(rig: Rig) -> None:
    rig.place({"at": 0})
    rig.mesh.write_delivery({"llm": {"max_calls": 10}})
    slow: Metadata = (("x-sleep", "1"), ("x-words", "2"))

    async def speak(stub: LlmServiceStub) -> str:
        try:
            async for _ in stub.GenerateText(llm_pb.GenerateTextRequest(), metadata=slow, timeout=20):
                pass
        except grpc.aio.AioRpcError as refused:
            return refused.code().name
        return "spoken"

    async with grpc.aio.insecure_channel(rig.mesh.egress) as channel, asyncio.timeout(30):
        stub = LlmServiceStub(channel)
        while True:
            ended = Counter(await asyncio.gather(*(speak(stub) for _ in range(40))))
            if ended["UNAVAILABLE"]:
                break
    assert ended == {"spoken": 10, "UNAVAILABLE": 30}


async def test_timeout_the_client_s_deadline_ends_a_call(rig: Rig) -> None:
    async with grpc.aio.insecure_channel(rig.mesh.egress) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await AnalyticsServiceStub(channel).QueryReport(ASK, timeout=0.5, metadata=(("x-sleep", "5"),))
    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_one_of_two_replicas_is_lost_and_no_call_with_it(rig: Rig, how: signal.Signals) -> None:
    async with rig.calling() as seen:
        await asyncio.sleep(1.0)
        rig.backends[0].signal(how)
        await asyncio.sleep(4.0)
        before = seen.answered["a"]
        await asyncio.sleep(1.0)
        assert seen.answered["a"] == before
        if how is signal.SIGKILL:
            rig.backends[0].kill()
            await asyncio.to_thread(rig.backends[0].start)
        else:
            rig.backends[0].signal(signal.SIGCONT)
        await rig.until_only("a", "b")
    assert seen.failed == Counter()
    assert seen.total > 1000


async def test_what_may_have_effects_goes_to_the_other_replica_as_it_was_never_sent(rig: Rig) -> None:
    rig.place({"at": 2}, {"at": 3}, service="llm")
    async with grpc.aio.insecure_channel(rig.mesh.egress) as channel, asyncio.timeout(30):
        stub, seen = LlmServiceStub(channel), set[str]()
        while seen != {"c", "d"}:
            seen.add((await stub.CompleteText(WRITE, timeout=5)).text)
        rig.backends[2].kill()
        answers = [(await stub.CompleteText(WRITE, timeout=5)).text for _ in range(50)]
        spoken = [
            [part.text_delta async for part in stub.GenerateText(llm_pb.GenerateTextRequest())] for _ in range(50)
        ]
    await asyncio.to_thread(rig.backends[2].start)
    assert answers == ["d"] * 50
    assert spoken == [["d"] * 3] * 50


async def test_failing_replica_is_ejected_and_comes_back(rig: Rig) -> None:
    failing: Metadata = (("x-fail", "14"),)
    before = rig.mesh.stat("cluster.analytics.outlier_detection.ejections_enforced_total")
    async with asyncio.timeout(15):
        while rig.mesh.stat("cluster.analytics.outlier_detection.ejections_enforced_total") == before:
            await rig.count(0.5, 50, failing)
    await rig.until_only("a", "b")
