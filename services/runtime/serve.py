"""The life of a service process: connect, serve, and leave without losing a call.

Leaving is three steps in order: say NOT_SERVING, wait until callers have noticed, stop. The other orders lose calls.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import uvloop
from grpc_reflection.v1alpha import reflection

from services.runtime import health, telemetry
from services.runtime.interceptors import MeshInterceptor, Replies
from services.runtime.settings import RuntimeSettings

log = logging.getLogger("aisle.serve")

# Seconds running calls get when the process leaves because a background job failed.
FAILED_GRACE = 1.0

# Seconds a job has for leaving before it is told once more: a library may have lost what it was told first.
TOLD_AGAIN = 2.0

# Objects made since the last search, and searches of younger ones, before the collector searches again.
GARBAGE_PORTIONS = (20_000, 20, 20)

# Runs until it is cancelled.
Job = Callable[[], Coroutine[Any, Any, None]]


class Door(Protocol):
    """Another way into the process beside gRPC; it leaves by the same three steps."""

    async def serve(self) -> None:
        """Serve until stopped or cancelled."""
        ...

    def not_serving(self) -> None:
        """Say to whoever asks that nothing more should be sent here."""
        ...

    async def stop(self, grace: float) -> None:
        """Take nothing more, and return once what runs has ended or the grace is over."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """What a service brings to its process."""

    # Full name of the gRPC service, for health and reflection.
    full_name: str
    # Registers the servicer, for example `lambda server: add_LlmServiceServicer_to_server(servicer, server)`.
    register: Callable[[grpc.aio.Server], None]
    # Hard dependencies by name; each check raises while its dependency is away.
    checks: Mapping[str, health.Check] = field(default_factory=dict)
    # Where replies of mutations are remembered.
    replies: Replies | None = None
    # Runs beside the server until the process leaves: stream consumers and the like.
    background: Sequence[Job] = ()
    # Further ways in.
    doors: Sequence[Door] = ()
    # Full names of further gRPC services that are registered beside the first.
    more_names: Sequence[str] = ()


Build = Callable[[AsyncExitStack], Awaitable[Service]]


def run(settings: RuntimeSettings, build: Build) -> None:
    """Run a service until it is told to stop. `build` connects its adapters on the given stack."""
    telemetry.setup(
        settings.service,
        settings.log_level,
        settings.otlp_endpoint,
        sampled_percent=settings.trace_sampled_percent,
        metric_seconds=settings.metric_seconds,
    )
    uvloop.run(_serve(settings, build))


async def _serve(settings: RuntimeSettings, build: Build) -> None:
    stop = _stop_event()
    failed = False
    async with AsyncExitStack() as stack:
        stack.callback(telemetry.flush)
        service = await build(stack)
        _settle_memory()
        state = health.Health([service.full_name, *service.more_names], service.checks)
        server = _server(settings, service, state)
        await server.start()
        try:
            await _until_stopped(settings, service, state, server, stop)
        except* Exception:  # house: allow any-exception - a process that lost a job must not live on half-alive
            log.exception("a background job failed; leaving")
            failed = True
            await state.not_serving()
            await server.stop(FAILED_GRACE)
    log.info("stopped")
    if failed:
        raise SystemExit(1)


def _settle_memory() -> None:
    """Make the collector of garbage leave alone what was built: it stays, and searching all of it again and again stops
    every call for up to a tenth of a second. What calls leave behind is searched for in larger portions.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_PORTIONS)


async def _until_stopped(
    settings: RuntimeSettings, service: Service, state: health.Health, server: grpc.aio.Server, stop: asyncio.Event
) -> None:
    """Serve, with the background jobs beside the server, until told to stop; then drain."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(state.watch())]
        running += [group.create_task(job()) for job in service.background]
        running += [group.create_task(door.serve()) for door in service.doors]
        try:
            await state.serving()
            log.info("serving", extra={"data": {"port": settings.listen_port, "grpc_service": service.full_name}})
            await stop.wait()
            await _leave(settings, state, server, service.doors)
        finally:
            await _ended(running)


async def _ended(running: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel jobs until all have ended: a process that waits for one which was not told would never leave."""
    while left := [task for task in running if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=TOLD_AGAIN)


def leave_if_cancelled() -> None:
    """Raise CancelledError when the running task was asked to stop and a library lost that.

    `asyncio.wait_for` of Python 3.11 returns what it waited for when that ended at the very moment of a cancellation,
    which is then forgotten (cpython issue 86296). The clients of Redis and Milvus use it. A job that loops must not
    go on for that.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _server(settings: RuntimeSettings, service: Service, state: health.Health) -> grpc.aio.Server:
    server = grpc.aio.server(
        interceptors=[MeshInterceptor(f"{settings.service}.aisle", service.replies)],
        options=(
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),
            # Envoy pings a silent connection every 10 seconds; by default a server hangs up on that after three pings.
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ),
    )
    service.register(server)
    health.add_to_server(state, server)
    names = (service.full_name, *service.more_names, "grpc.health.v1.Health", reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    address = f"{settings.listen_host}:{settings.listen_port}"
    if server.add_insecure_port(address) == 0:
        raise SystemExit(f"{settings.service}: {address} is taken")
    return server


async def _leave(
    settings: RuntimeSettings, state: health.Health, server: grpc.aio.Server, doors: Sequence[Door]
) -> None:
    log.info("draining", extra={"data": {"drain_seconds": settings.drain_seconds}})
    await state.not_serving()
    for door in doors:
        door.not_serving()
    await asyncio.sleep(settings.drain_seconds)
    async with asyncio.TaskGroup() as group:
        for door in doors:
            group.create_task(door.stop(settings.grace_seconds))
        await server.stop(settings.grace_seconds)


def _stop_event() -> asyncio.Event:
    """Return an event that the first signal sets; the second one exits at once."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            raise SystemExit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop
