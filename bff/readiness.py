"""Whether this process is alive, and whether the services behind it can be reached."""

import asyncio
import time
from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Request, Response
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import BaseModel

from bff.parallel import every
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError, Internal, NotFound

router = APIRouter(tags=["health"])

State = Literal["serving", "not_serving", "unknown", "away"]
_KEPT_SECONDS = 1.0
_TIMEOUT_SECONDS = 1.0
# Without this one there is no page to show.
_NEEDED = "product"


class Alive(BaseModel):
    """This process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """What can be reached from here."""

    status: Literal["ready", "not_ready", "leaving"]
    upstreams: dict[str, State]


class Readiness:
    """Asks the services behind Envoy how they are, at most once a second."""

    def __init__(self, channels: Mapping[str, MeshChannel]) -> None:
        """Take the channels by service."""
        self._stubs = {name: health_pb2_grpc.HealthStub(channel) for name, channel in channels.items()}
        self._known: dict[str, State] = {}
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self.leaving = False

    async def report(self) -> Ready:
        """Return how the services are."""
        async with self._asking:
            if time.monotonic() - self._asked >= _KEPT_SECONDS:
                states = await every(self._state(stub) for stub in self._stubs.values())
                self._known = dict(zip(self._stubs, states, strict=True))
                self._asked = time.monotonic()
        if self.leaving:
            return Ready(status="leaving", upstreams=self._known)
        reachable = self._known.get(_NEEDED) in ("serving", "unknown")
        return Ready(status="ready" if reachable else "not_ready", upstreams=self._known)

    async def _state(self, stub: health_pb2_grpc.HealthStub) -> State:
        try:
            reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS)
        except (Internal, NotFound):
            # Something answered that does not know about health: then a call gets through.
            return "unknown"
        except AisleError:
            return "away"
        return "serving" if reply.status == health_pb2.HealthCheckResponse.SERVING else "not_serving"


@router.get("/healthz")
async def get_health() -> Alive:
    """Say that this process is alive."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "Not ready"}})
async def get_readiness(request: Request, response: Response) -> Ready:
    """Say whether requests can be answered."""
    readiness: Readiness = request.app.state.readiness
    report = await readiness.report()
    if report.status != "ready":
        response.status_code = 503
    return report
