"""Health: what a process says of itself while what it depends on comes and goes."""

import asyncio

import grpc_health.v1.health_pb2 as pb
import pytest

from services.runtime.health import ALIVE, Health


async def said(health: Health, service: str) -> int:
    class Context:
        def set_code(self, code: object) -> None:
            """Take what is not known."""

    answer = await health.servicer.Check(pb.HealthCheckRequest(service=service), Context())
    return int(answer.status)


@pytest.mark.parametrize("service", ["", "aisle.test.v1.Nothing"])
async def test_leaving_is_not_serving_and_alive(service: str) -> None:
    health = Health(["aisle.test.v1.Nothing"], {})
    await health.serving()
    assert await said(health, service) == pb.HealthCheckResponse.SERVING
    await health.not_serving()
    assert await said(health, service) == pb.HealthCheckResponse.NOT_SERVING
    # Whoever restarts processes must not do so because one drains, or waits for a database.
    assert await said(health, ALIVE) == pb.HealthCheckResponse.SERVING


async def test_what_is_missing_from_the_start_is_said_from_the_start() -> None:
    there, found = asyncio.Event(), asyncio.Event()

    async def database() -> None:
        if not there.is_set():
            raise ConnectionError("away")
        found.set()

    health = Health([], {"database": database})
    await health.serving()
    assert await said(health, "") == pb.HealthCheckResponse.NOT_SERVING
    there.set()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        watching = group.create_task(health.watch())
        await found.wait()
        await asyncio.sleep(0)
        watching.cancel()
    assert await said(health, "") == pb.HealthCheckResponse.SERVING
