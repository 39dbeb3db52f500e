"""The aggregated discovery service over a real gRPC stream, spoken to by a scripted client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse

from services.control_plane.ads import SERVICE, AdsServer
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, SnapshotCache, build
from tests.unit.control_plane.proxy import answer_to, request
from tests.unit.control_plane.topologies import FRONT, SHOP, TELLER, moved, topology

NAMES = ("front", "shop", "teller")


class Client:
    """One ADS stream."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        method: Any = channel.stream_stream(f"/{SERVICE}/StreamAggregatedResources", bytes, DiscoveryResponse.parse)
        self._stream: Any = method()

    async def send(self, message: bytes) -> None:
        await self._stream.write(message)

    async def next(self) -> DiscoveryResponse:
        async with asyncio.timeout(2):
            found: DiscoveryResponse = await self._stream.read()
            return found

    async def is_silent(self) -> bool:
        """Return whether nothing arrives for a moment. The stream cannot be read after it."""
        try:
            async with asyncio.timeout(0.2):
                await self._stream.read()
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        await self._stream.done_writing()


@asynccontextmanager
async def served(cache: SnapshotCache) -> AsyncIterator[tuple[AdsServer, grpc.aio.Channel]]:
    server = grpc.aio.server()
    ads = AdsServer(cache)
    ads.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield ads, channel
    await server.stop(None)


def filled() -> SnapshotCache:
    cache = SnapshotCache()
    cache.publish(build(topology()))
    return cache


async def test_stream_answers_acknowledges_and_follows_changes() -> None:
    cache = filled()
    async with served(cache) as (ads, channel):
        client = Client(channel)
        await client.send(request(ENDPOINTS, NAMES))
        first = await client.next()
        await client.send(answer_to(first, NAMES))
        changed = build(topology(FRONT, moved(SHOP, 2001), TELLER))
        cache.publish(changed)
        second = await client.next()
        assert second.version_info == changed.versions[ENDPOINTS] != first.version_info
        (status,) = ads.status()
        assert status.types["ClusterLoadAssignment"].acknowledged == first.version_info


async def test_refusal_is_kept_in_the_status_and_not_repeated() -> None:
    async with served(filled()) as (ads, channel):
        client = Client(channel)
        await client.send(request(CLUSTERS))
        first = await client.next()
        await client.send(answer_to(first, refusal="connect_timeout: value must be positive"))
        assert await client.is_silent()
        (status,) = ads.status()
        assert status.types["Cluster"].refused == first.version_info
        assert status.types["Cluster"].reason == "connect_timeout: value must be positive"


async def test_proxy_that_reconnects_with_the_current_version_is_left_alone() -> None:
    async with served(filled()) as (_, channel):
        client = Client(channel)
        await client.send(request(CLUSTERS))
        version = (await client.next()).version_info
        await client.close()
        again = Client(channel)
        await again.send(request(CLUSTERS, version=version))
        assert await again.is_silent()


async def test_proxy_waits_for_the_first_snapshot() -> None:
    cache = SnapshotCache()
    async with served(cache) as (_, channel):
        client = Client(channel)
        await client.send(request(CLUSTERS))
        await asyncio.sleep(0.05)
        cache.publish(build(topology()))
        assert len((await client.next()).resources) == 3


async def test_many_proxies_follow_one_cache_and_leave_it() -> None:
    cache = filled()
    async with served(cache) as (ads, channel):
        clients = [Client(channel) for _ in range(20)]
        for client in clients:
            await client.send(request(ENDPOINTS, NAMES))
            await client.send(answer_to(await client.next(), NAMES))
        cache.publish(changed := build(topology(FRONT, moved(SHOP, 2001), TELLER)))
        versions = {(await client.next()).version_info for client in clients}
        assert versions == {changed.versions[ENDPOINTS]}
        assert len(ads.status()) == 20
        for client in clients:
            await client.close()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if not ads.status():
                break
        assert ads.status() == ()
