"""The mirror of a collection: whatever the API server does, in the end it is what the server keeps."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.control_plane.sources.endpoint_slices import SLICES, EndpointSlices, placement
from services.control_plane.sources.kubernetes_api import ApiAccess, ApiError, KubernetesApi
from services.control_plane.sources.kubernetes_mirror import Mirror, Pace
from services.control_plane.topology import Protocol, Service
from tests.fakes.kubernetes_api import LEAVING, NAMESPACE, READY, STARTING, FakeKubernetes, a_slice
from tests.unit.control_plane.certificates import self_signed
from tests.unit.control_plane.topologies import topology

QUICK = Pace(first_pause=0.01, longest_pause=0.03, soon=0.0)
PRODUCT = Service("product", Protocol.GRPC)


async def eventually(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a condition of another's making
            await asyncio.sleep(0.005)


@asynccontextmanager
async def mirrored(server: FakeKubernetes, access: ApiAccess | None = None) -> AsyncIterator[Mirror]:
    """Follow a server that is there already."""
    mirror = Mirror(KubernetesApi(access or ApiAccess(server.url, NAMESPACE)), SLICES, QUICK)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(mirror.follow())
        yield mirror
        task.cancel()


@pytest.fixture
async def server() -> AsyncIterator[FakeKubernetes]:
    made = FakeKubernetes()
    await made.start()
    yield made
    await made.stop()


async def agreed(mirror: Mirror, server: FakeKubernetes) -> None:
    await eventually(lambda: mirror.complete and mirror.objects == server.kept)


async def test_list_of_several_pages_is_whole_and_changes_come_without_another(server: FakeKubernetes) -> None:
    for number in range(5):
        server.put(a_slice(f"s{number}", endpoints={f"10.0.0.{number}": READY}))
    async with mirrored(server) as mirror:
        await agreed(mirror, server)
        await eventually(lambda: server.watched)
        asked = list(server.asked)
        server.put(a_slice("s9", endpoints={"10.0.0.9": READY}))
        server.put(a_slice("s0", endpoints={"10.0.0.1": LEAVING}))
        server.delete("s1")
        await agreed(mirror, server)
        assert server.asked == asked == ["list", "list", "list", "watch"]


@pytest.mark.parametrize("by_event", [False, True])
async def test_watch_that_was_cut_resumes_and_is_listed_anew_only_when_its_version_is_gone(
    server: FakeKubernetes, by_event: bool
) -> None:
    server.tells_gone_by_event = by_event
    server.put(a_slice("s1", endpoints={"10.0.0.1": READY}))
    async with mirrored(server) as mirror:
        await eventually(lambda: server.watched)
        server.cut()
        server.put(a_slice("s2"))
        await agreed(mirror, server)
        assert server.asked.count("list") == 1
        await eventually(lambda: server.watched)
        server.cut()
        server.delete("s1")
        server.put(a_slice("s3"))
        server.forget()
        await agreed(mirror, server)
        assert server.asked.count("list") > 1


async def test_bookmark_moves_the_version_on(server: FakeKubernetes) -> None:
    server.put(a_slice("s1"))
    async with mirrored(server) as mirror:
        await eventually(lambda: server.watched)
        server.pass_by()
        await asyncio.sleep(0.05)
        server.forget()
        server.cut()
        await eventually(lambda: server.asked.count("watch") > 1 and server.watched)
        assert server.asked.count("list") == 1
        await agreed(mirror, server)


async def test_half_an_event_did_not_happen(server: FakeKubernetes) -> None:
    server.put(a_slice("s1"))
    async with mirrored(server) as mirror:
        await eventually(lambda: server.watched)
        server.cut_within_a_line()
        await eventually(lambda: server.asked.count("watch") > 1)
        await agreed(mirror, server)
        assert set(mirror.objects) == {"s1"}


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"9"}}}',
        b'{"type":"VANISHED","object":{"metadata":{"name":"s1","resourceVersion":"9"}}}',
        b'{"type":"DELETED","object":null}',
        b'{"type":"ERROR","object":{"code":"many"}}',
    ],
)
async def test_words_that_no_api_says_change_nothing(server: FakeKubernetes, line: bytes) -> None:
    server.put(a_slice("s1"))
    async with mirrored(server) as mirror:
        await eventually(lambda: server.watched)
        server.say(line)
        await eventually(lambda: server.asked.count("watch") > 1)
        server.put(a_slice("s2"))
        await agreed(mirror, server)
        assert set(mirror.objects) == {"s1", "s2"}


async def test_event_longer_than_a_buffer_is_taken(server: FakeKubernetes) -> None:
    async with mirrored(server) as mirror:
        await eventually(lambda: server.watched)
        server.put(a_slice("big", endpoints={f"10.0.{high}.{low}": READY for high in range(20) for low in range(200)}))
        await agreed(mirror, server)
        assert len(mirror.objects["big"]["endpoints"]) == 4000


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503, 302])
async def test_refusal_is_told_and_what_is_known_stays(server: FakeKubernetes, status: int) -> None:
    server.put(a_slice("s1", endpoints={"10.0.0.1": READY}))
    async with mirrored(server) as mirror:
        await eventually(lambda: server.watched)
        slices = EndpointSlices(mirror)
        server.failures = [status] * 3
        server.end_watches()
        await eventually(lambda: mirror.trouble)
        assert slices.problems[0].startswith(f"the Kubernetes API is not followed, what was known last stays: {status}")
        placed = slices.placed(topology(PRODUCT))
        assert placed is not None and len(placed.services[0].endpoints) == 1
        await eventually(lambda: not mirror.trouble)
        assert slices.problems == []


async def test_never_reached_api_is_told_and_nothing_is_placed() -> None:
    async with mirrored(FakeKubernetes(), ApiAccess("http://127.0.0.1:1", NAMESPACE)) as mirror:
        await eventually(lambda: mirror.trouble)
        slices = EndpointSlices(mirror)
        assert slices.placed(topology(PRODUCT)) is None
        assert slices.problems[0].startswith("the Kubernetes API was never reached")


async def test_service_that_loses_its_last_replica_is_logged(
    server: FakeKubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    server.put(a_slice("s1", endpoints={"10.0.0.1": READY}))
    async with mirrored(server) as mirror:
        await agreed(mirror, server)
        slices = EndpointSlices(mirror)
        slices.placed(topology(PRODUCT))
        server.delete("s1")
        await agreed(mirror, server)
        placed = slices.placed(topology(PRODUCT))
        assert placed is not None and placed.services[0].endpoints == ()
        assert "no replica any more" in caplog.text


async def test_failures_are_answered_by_longer_and_longer_pauses_up_to_a_bound() -> None:
    draws = iter([1.0] * 100)
    mirror = Mirror(KubernetesApi(ApiAccess("http://127.0.0.1:1", NAMESPACE)), SLICES, Pace(), lambda: next(draws))
    pauses = []
    for failures in range(10):
        mirror.failures = failures
        pauses.append(mirror.pause())
    assert pauses == [0.5, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert 0 <= Mirror(KubernetesApi(ApiAccess("", "")), SLICES, Pace(), lambda: 0.25).pause() == 0.125


async def test_rotated_token_is_used_and_shown_to_nobody_who_is_not_trusted(tmp_path: Path) -> None:
    authority, key = self_signed(tmp_path, "server")
    stranger, _ = self_signed(tmp_path, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    server = FakeKubernetes(context)
    server.tokens = {"first"}
    token = tmp_path / "token"
    token.write_text("first\n")
    await server.start()
    try:
        async with mirrored(server, ApiAccess(server.url, NAMESPACE, token, authority)) as mirror:
            await eventually(lambda: server.watched)
            token.write_text("second\n")
            server.tokens = {"second"}
            server.end_watches()
            await eventually(lambda: server.shown[-1] == "second" and server.watched)
            assert mirror.trouble == ""
        asked = len(server.asked)
        for access in (
            ApiAccess(server.url, NAMESPACE, token, stranger),
            ApiAccess(server.url, NAMESPACE, token, None),
        ):
            with pytest.raises(ApiError, match="certificate"):
                await KubernetesApi(access).list(SLICES)
        assert len(server.asked) == asked
    finally:
        await server.stop()


async def test_token_is_not_shown_in_the_clear_nor_in_errors(server: FakeKubernetes, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("se\ncret")
    await KubernetesApi(ApiAccess(server.url, NAMESPACE, token)).list(SLICES)
    assert server.shown == [""]
    with pytest.raises(ApiError) as caught:
        await KubernetesApi(ApiAccess("https://127.0.0.1:1", NAMESPACE, token)).list(SLICES)
    assert "cret" not in str(caught.value)


NAMES = st.sampled_from(["s1", "s2", "s3", "s4"])
CONDITIONS = st.sampled_from([READY, LEAVING, STARTING])
ENDPOINTS = st.dictionaries(st.sampled_from([f"10.0.0.{number}" for number in range(1, 6)]), CONDITIONS, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, ENDPOINTS, st.sampled_from(["", "v2"])),
        st.tuples(st.just("delete"), NAMES),
        st.tuples(
            st.sampled_from(
                [
                    "cut",
                    "cut_within_a_line",
                    "forget",
                    "pass_by",
                    "end_watches",
                    "unlabel",
                    "expire",
                    "break",
                    "breathe",
                ]
            )
        ),
        st.tuples(st.just("refuse"), st.sampled_from([410, 429, 500, 503])),
    ),
    max_size=25,
)


def act(server: FakeKubernetes, step: tuple[Any, ...]) -> None:
    match step:
        case ("put", name, endpoints, version):
            server.put(a_slice(name, endpoints=endpoints, version=version))
        case ("delete", name):
            server.delete(name)
        case ("unlabel",):
            bare = a_slice("s1")
            bare["metadata"]["labels"] = {}
            server.put(bare)
        case ("expire",):
            server.fail_watches(410)
        case ("break",):
            server.fail_watches(500)
        case ("refuse", status):
            server.failures.append(status)
        case ("breathe",):
            pass
        case (name,):
            getattr(server, name)()


@given(steps=STEPS, by_event=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_the_end_the_replicas_are_those_the_server_keeps(steps: list[tuple[Any, ...]], by_event: bool) -> None:
    async def run() -> None:
        server = FakeKubernetes()
        server.tells_gone_by_event = by_event
        await server.start()
        try:
            async with mirrored(server) as mirror:
                for step in steps:
                    act(server, step)
                    await asyncio.sleep(0.02 if step == ("breathe",) else 0)
                await agreed(mirror, server)
                placed = EndpointSlices(mirror).placed(topology(PRODUCT))
                assert placed is not None
                truth = placement(server.kept.values(), (PRODUCT,))
                assert placed.services[0].endpoints == truth.endpoints.get("product", ())
        finally:
            await server.stop()

    asyncio.run(run())
