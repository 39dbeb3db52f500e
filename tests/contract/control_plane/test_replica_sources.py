"""Where replicas come from: the registry file and EndpointSlices are one and the same to the rest of the mesh."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.control_plane.sources.endpoint_slices import SLICES, EndpointSlices
from services.control_plane.sources.kubernetes_api import ApiAccess, KubernetesApi
from services.control_plane.sources.kubernetes_mirror import Mirror, Pace
from services.control_plane.sources.registry_file import RegistryFile
from services.control_plane.topology import Endpoint, Topology
from tests.fakes.kubernetes_api import NAMESPACE, READY, FakeKubernetes, a_slice

Place = tuple[str, int, str, str]

FIRST: Place = ("10.0.0.1", 50051, "stable", "a")
SECOND: Place = ("10.0.0.2", 50051, "stable", "b")
CANARY: Place = ("10.0.0.3", 50052, "v2", "a")
BAD: Place = ("169.254.169.254", 80, "stable", "a")


class Source(ABC):
    """A source of replicas as a test moves them."""

    def __init__(self, home: Path) -> None:
        self.path = home / "registry.yaml"

    @abstractmethod
    async def place(self, *replicas: Place) -> None:
        """Have these be the replicas of the product service."""

    @abstractmethod
    async def go_away(self) -> None:
        """Say nothing that can be used."""

    @abstractmethod
    async def come_back(self) -> None:
        """Say again what was said before."""

    @abstractmethod
    def followed(self) -> tuple[RegistryFile, Sequence[Callable[[], Any]]]:
        """Return a new follower of the source, and what has to run beside it."""

    def write(self, endpoints: Sequence[dict[str, Any]]) -> None:
        content = {
            "edge": {"address": "127.0.0.1", "port": 1},
            "egress": {"address": "127.0.0.1", "port": 2},
            "services": {"product": {"protocol": "grpc", "endpoints": list(endpoints)}},
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(self.path)


class FileSource(Source):
    """The registry itself lists the replicas."""

    _placed: tuple[Place, ...] = ()

    async def place(self, *replicas: Place) -> None:
        self._placed = replicas
        keys = ("address", "port", "version", "zone")
        self.write([dict(zip(keys, one, strict=True)) for one in replicas])

    async def go_away(self) -> None:
        self.path.write_text("edge: [")

    async def come_back(self) -> None:
        await self.place(*self._placed)

    def followed(self) -> tuple[RegistryFile, Sequence[Callable[[], Any]]]:
        return RegistryFile(self.path, (), 0.02), ()


class SliceSource(Source):
    """Slices of an API server list them, a slice for each version, zone and port."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.server = FakeKubernetes()
        self.write([])

    async def place(self, *replicas: Place) -> None:
        if not self.server.port:
            await self.server.start()
        wanted: dict[str, list[Place]] = {}
        for one in replicas:
            wanted.setdefault(f"{one[2]}-{one[3]}-{one[1]}", []).append(one)
        for name in set(self._names) - wanted.keys():
            self.server.delete(name)
        for name, group in wanted.items():
            _, port, version, zone = group[0]
            ready = {host: READY for host, *_ in group}
            self.server.put(a_slice(name, endpoints=ready, version=version, zone=zone, port=port))
        self._names = tuple(wanted)

    _names: tuple[str, ...] = ()

    async def go_away(self) -> None:
        await self.server.stop()

    async def come_back(self) -> None:
        await self.server.start()

    def followed(self) -> tuple[RegistryFile, Sequence[Callable[[], Any]]]:
        api = KubernetesApi(ApiAccess(self.server.url, NAMESPACE))
        mirror = Mirror(api, SLICES, Pace(first_pause=0.02, longest_pause=0.05))
        return RegistryFile(self.path, (), 0.02, None, EndpointSlices(mirror)), (mirror.follow,)


class Follower:
    """What somebody who follows a source knows."""

    def __init__(self, registry: RegistryFile) -> None:
        self.registry = registry
        self.latest: Topology | None = None

    async def run(self) -> None:
        async for topology in self.registry.topologies():
            self.latest = topology

    @property
    def replicas(self) -> set[Place]:
        endpoints: tuple[Endpoint, ...] = self.latest.services[0].endpoints if self.latest is not None else ()
        return {(one.host, one.port, one.version, one.zone) for one in endpoints}

    async def sees(self, *replicas: Place) -> None:
        await eventually(lambda: self.latest is not None and self.replicas == set(replicas))


async def eventually(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a condition of another's making
            await asyncio.sleep(0.01)


@asynccontextmanager
async def following(source: Source) -> AsyncIterator[Follower]:
    registry, beside = source.followed()
    follower = Follower(registry)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job()) for job in (follower.run, *beside)]
        yield follower
        for task in tasks:
            task.cancel()


@pytest.fixture(params=[FileSource, SliceSource])
async def source(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Source]:
    made: Source = request.param(tmp_path)
    yield made
    if isinstance(made, SliceSource):
        await made.server.stop()


async def test_replicas_come_move_and_go(source: Source) -> None:
    await source.place(FIRST)
    async with following(source) as follower:
        await follower.sees(FIRST)
        for replicas in ((FIRST, SECOND), (SECOND, CANARY), (CANARY,), (), (FIRST, SECOND, CANARY)):
            await source.place(*replicas)
            await follower.sees(*replicas)
        assert follower.registry.problems == []


async def test_bad_replica_is_left_out_and_told_and_the_others_go_on(source: Source) -> None:
    await source.place(FIRST, BAD)
    async with following(source) as follower:
        await follower.sees(FIRST)
        (problem,) = follower.registry.problems
        assert problem.startswith("product: 169.254.169.254:80 is left out")
        await source.place(FIRST, SECOND)
        await follower.sees(FIRST, SECOND)
        assert follower.registry.problems == []


async def test_source_that_is_away_takes_nothing_away(source: Source) -> None:
    await source.place(FIRST, SECOND)
    async with following(source) as follower:
        await follower.sees(FIRST, SECOND)
        await source.go_away()
        await eventually(lambda: follower.registry.problems)
        await asyncio.sleep(0.1)
        assert follower.replicas == {FIRST, SECOND}
        await source.come_back()
        await eventually(lambda: not follower.registry.problems)
        await source.place(SECOND)
        await follower.sees(SECOND)


async def test_after_a_restart_without_the_source_nothing_is_said_until_it_is_back(source: Source) -> None:
    await source.place(FIRST)
    async with following(source) as follower:
        await follower.sees(FIRST)
    await source.go_away()
    async with following(source) as follower:
        await eventually(lambda: follower.registry.problems)
        await asyncio.sleep(0.1)
        assert follower.latest is None
        await source.come_back()
        await follower.sees(FIRST)
