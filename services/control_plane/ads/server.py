"""Carries the messages of all proxies' streams, in both variants, from and to one cache of snapshots."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.metrics import CallbackOptions, Observation

from services.control_plane.ads import certificate
from services.control_plane.ads.certificate import Certificate
from services.control_plane.ads.delta import DeltaSession
from services.control_plane.ads.session import ProxyStatus, Session
from services.control_plane.ads.sotw import SotwSession
from services.control_plane.snapshot import Snapshot, SnapshotCache
from services.runtime import telemetry

log = logging.getLogger("aisle.control_plane.ads")

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_VARIANTS: dict[str, Callable[[], Session]] = {
    "StreamAggregatedResources": SotwSession,
    "DeltaAggregatedResources": DeltaSession,
}
# Whose proxy stands beside the control plane itself.
OWN_WORKLOAD = "control-plane"


class Impostor(Exception):
    """A proxy asks for what is meant for another."""


class AdsServer:
    """Answers the streams of all proxies from one cache of snapshots."""

    def __init__(self, cache: SnapshotCache) -> None:
        """Take the cache that says what proxies are to run on."""
        self._cache = cache
        self._sessions: set[Session] = set()
        telemetry.meter.create_observable_gauge(
            telemetry.PROXIES,
            [self._observed],
            description="Connected proxies, and whether they are up to date.",
        )

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service to a server. Requests and responses are bytes: sessions read and write them."""
        handlers = {
            method: grpc.stream_stream_rpc_method_handler(self._stream_of(begin)) for method, begin in _VARIANTS.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    def status(self) -> tuple[ProxyStatus, ...]:
        """Return what each connected proxy runs on, ordered by node."""
        found = [session.status(self._cache.of(session.workload)) for session in list(self._sessions)]
        return tuple(sorted(found, key=lambda status: status.node))

    def _observed(self, options: CallbackOptions) -> Iterator[Observation]:
        """Tell how many proxies there are; asked for from the exporter's thread."""
        states = Counter("in_sync" if proxy.in_sync else "behind" for proxy in self.status())
        for state in ("in_sync", "behind"):
            yield Observation(states[state], {telemetry.PROXY_STATE: state})

    def _stream_of(self, begin: Callable[[], Session]) -> Any:
        async def stream(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, bytes]) -> None:
            await self._serve(begin(), requests, context)

        return stream

    async def _serve(
        self, session: Session, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, bytes]
    ) -> None:
        self._sessions.add(session)
        try:
            session.certificate = shown = self._shown(context)
            # A new stream is opened with a newer certificate: Envoy does so at once, and is sent nothing it has.
            async with asyncio.timeout(shown.left(datetime.now(UTC)) if shown else None):
                await self._talk(session, requests, context)
        except* TimeoutError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the certificate ends, come back with a new one")
        except* DecodeError:
            log.warning("a proxy sent what is no request", extra={"data": {"node": session.node}})
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a discovery request")
        except* Impostor as wrong:
            reason = str(wrong.exceptions[0])
            data = {"node": session.node, "workload": session.workload, "reason": reason}
            log.warning("proxy refused", extra={"data": data})
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, reason)
        finally:
            self._sessions.discard(session)
            log.info("proxy left", extra={"data": {"node": session.node}})

    async def _talk(
        self, session: Session, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, bytes]
    ) -> None:
        sending = asyncio.Lock()
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._follow(session, sending, context))
            async for request in requests:
                self._aim(session)
                session.receive(request)
                self._admit(session)
                self._aim(session)
                await self._send_due(session, sending, context)
            following.cancel()

    def _shown(self, context: grpc.aio.ServicerContext[Any, bytes]) -> Certificate | None:
        """Return the certificate that the proxy before us tells of; there is none where nobody has any."""
        header = dict(context.invocation_metadata() or ()).get(certificate.HEADER)
        if header is None:
            return None
        try:
            return certificate.read(str(header))
        except certificate.NotShownError as broken:
            raise Impostor(str(broken)) from None

    def _admit(self, session: Session) -> None:
        """Let a proxy know only what is meant for the workload it proved to be of. Raises Impostor."""
        trust = self._cache.trust
        if trust is None:
            return
        if session.certificate is None:
            # The proxy beside us reaches us without another between: it is the one that checks all others.
            if session.workload != OWN_WORKLOAD:
                raise Impostor(f"a proxy of '{session.workload}' has to show a certificate")
        elif session.certificate.identity != trust.identity(session.workload):
            raise Impostor(f"{session.certificate.identity} is not the workload '{session.workload}'")
        if self._cache.of(session.workload) is None:
            raise Impostor(f"there is no workload '{session.workload}'")

    def _aim(self, session: Session) -> None:
        goal = self._cache.of(session.workload)
        if goal is not None and session.known:
            session.aim_at(goal)

    async def _follow(self, session: Session, sending: asyncio.Lock, context: Any) -> None:
        seen: Mapping[str, Snapshot] = {}
        while True:
            seen = await self._cache.other_than(seen)
            self._aim(session)
            await self._send_due(session, sending, context)

    async def _send_due(self, session: Session, sending: asyncio.Lock, context: Any) -> None:
        # One writer at a time, or responses could overtake each other between two awaits.
        async with sending:
            for response in session.due():
                await context.write(response)
