"""The standard health service, fed by background checks of what a service cannot do without."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

log = logging.getLogger("aisle.health")

CHECK_INTERVAL = 2.0
# What is away is looked for more often: nobody waits for longer than it takes to come back.
CHECK_INTERVAL_AWAY = 0.5
CHECK_TIMEOUT = 1.5
# So many failures in a row make a service not ready, so many successes make it ready again.
FAILURES = 3
SUCCESSES = 1

# The name under which the process says that it lives, whatever it depends on: nobody restarts it for a database.
ALIVE = "alive"

Check = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class _Hysteresis:
    ready: bool = True
    run: int = 0

    def observe(self, succeeded: bool) -> bool:
        """Count one result and return whether the readiness changed."""
        if succeeded == self.ready:
            self.run = 0
            return False
        self.run += 1
        if self.run < (SUCCESSES if succeeded else FAILURES):
            return False
        self.ready, self.run = succeeded, 0
        return True


class Health:
    """Readiness of one process. A probe only reads what the background checks found."""

    def __init__(self, services: list[str], checks: Mapping[str, Check]) -> None:
        """Take the gRPC services to speak for, and the hard dependencies by name."""
        self.servicer = HealthServicer()
        self._services = ["", *services]
        self._checks = checks
        self._states = {name: _Hysteresis() for name in checks}
        self._leaving = False

    async def serving(self) -> None:
        """Say SERVING, unless something is missing already: called once everything is connected and warm."""
        await self.servicer.set(ALIVE, health_pb2.HealthCheckResponse.SERVING)
        for name, state in self._states.items():
            state.ready = await self._succeeds(name)
        await self._announce_readiness()

    async def not_serving(self) -> None:
        """Say NOT_SERVING for good: called when the process begins to drain."""
        self._leaving = True
        await self._announce(health_pb2.HealthCheckResponse.NOT_SERVING)

    async def watch(self) -> None:
        """Check the hard dependencies until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL if self._is_ready() else CHECK_INTERVAL_AWAY)
            changed = [name for name in self._checks if await self._observe(name)]
            if changed and not self._leaving:
                ready = await self._announce_readiness()
                log.warning("readiness changed", extra={"data": {"ready": ready, "because": changed}})

    async def _announce_readiness(self) -> bool:
        ready = self._is_ready()
        serving = health_pb2.HealthCheckResponse
        await self._announce(serving.SERVING if ready else serving.NOT_SERVING)
        return ready

    def _is_ready(self) -> bool:
        return all(state.ready for state in self._states.values())

    async def _observe(self, name: str) -> bool:
        return self._states[name].observe(await self._succeeds(name))

    async def _succeeds(self, name: str) -> bool:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await self._checks[name]()
        except asyncio.CancelledError:
            raise
        except Exception:  # house: allow any-exception - whatever a dependency raises means that it is away
            return False
        return True

    async def _announce(self, state: int) -> None:
        for service in self._services:
            await self.servicer.set(service, state)


def add_to_server(health_state: Health, server: grpc.aio.Server) -> None:
    """Register the health service."""
    health_pb2_grpc.add_HealthServicer_to_server(health_state.servicer, server)
