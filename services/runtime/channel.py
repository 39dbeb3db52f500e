"""Channels to other services: always to the local Envoy, which finds the service by the method's name.

A channel is handed to a generated stub like any other; what its calls do beyond a plain one is said by the method's
policy: a deadline when the caller has none, a request id for mutations, identity, request id and trace passed on, and
errors mapped back to the domain's.
"""

import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from opentelemetry import propagate, trace

from services.runtime import telemetry
from services.runtime.interceptors import FAULTS, Call, Caller, current_call
from services.runtime.policy import RETRIED_OUTSIDE, Policy, policy_of
from services.runtime.status import from_rpc_error

# For clients of servers that are not ours, such as Milvus. Their library pings an idle connection every 10 seconds; a
# gRPC server with the default settings takes that for an attack after half a minute and hangs up (ENHANCE_YOUR_CALM,
# "too_many_pings"), just when the next call is sent. Calls have timeouts, so a dead connection is found all the same.
UNPINGED = {"grpc.keepalive_time_ms": 60_000, "grpc.keepalive_permit_without_calls": 0}

_PANDAS = ("pandas", "pandas.api", "pandas.api.types")

_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A stack that restarts is back within a second or two: do not wait longer than that to try again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Envoy is next door: a machine's HTTP proxy must never come between.
    ("grpc.enable_http_proxy", 0),
    # Retries happen in Envoy, nowhere else.
    ("grpc.enable_retries", 0),
)


class _Unused(ModuleType):
    """Stands where pandas would: what it has can be named, as types of arguments are, and refuses to be used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__new__": _refused})


def _refused(*_: object, **__: object) -> Any:
    raise NotImplementedError("Tables of pandas are not used here; import pymilvus itself where they are.")


@contextmanager
def without_pandas() -> Iterator[None]:
    """Import Milvus' client inside of this without pandas, which it imports for tables that nobody here hands it.

    Pandas is half of what the client takes to start (two of four seconds of a core) and 33 MB of each process.
    """
    taken = [] if "pandas" in sys.modules else list(_PANDAS)
    sys.modules.update({name: _Unused(name) for name in taken})
    try:
        yield
    finally:
        # Whoever imports pandas after this gets it.
        for name in taken:
            del sys.modules[name]


class MeshChannel:
    """A channel of one service to one other. Use as `ProductServiceStub(channel)`."""

    def __init__(self, service: str, upstream: str, egress_address: str, max_message_bytes: int = 16 << 20) -> None:
        """Take our own name, the upstream's mesh name such as "product", and Envoy's egress `host:port`."""
        self._service = service
        self._channel = grpc.aio.insecure_channel(
            egress_address,
            options=(
                *_OPTIONS,
                ("grpc.default_authority", f"{upstream}.aisle"),
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", max_message_bytes),
            ),
        )

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close, ending what still runs."""
        await self._channel.close(None)

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool = False,
    ) -> Callable[..., Any]:
        """Return a callable for one unary method; called by generated stubs."""
        plain = self._channel.unary_unary(method, request_serializer, response_deserializer)
        policy = policy_of(method)

        async def call(request: Message, *, timeout: float | None = None, caller: Caller | None = None) -> Any:
            _fill_request_id(request, policy)
            span = _span(method)
            try:
                return await plain(
                    request,
                    timeout=_deadline(policy, timeout),
                    metadata=self._metadata(caller, span),
                    wait_for_ready=False,
                )
            except grpc.aio.AioRpcError as error:
                _failed(span, error)
                raise from_rpc_error(error) from error
            finally:
                _ended(span)

        return call

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool = False,
    ) -> Callable[..., AsyncIterator[Any]]:
        """Return a callable for one server stream; leaving its iteration cancels the upstream call."""
        plain = self._channel.unary_stream(method, request_serializer, response_deserializer)
        policy = policy_of(method)

        async def call(
            request: Message, *, timeout: float | None = None, caller: Caller | None = None
        ) -> AsyncIterator[Any]:
            _fill_request_id(request, policy)
            span = _span(method)
            stream = plain(request, timeout=_deadline(policy, timeout), metadata=self._metadata(caller, span))
            try:
                async for reply in stream:
                    yield reply
            except grpc.aio.AioRpcError as error:
                _failed(span, error)
                raise from_rpc_error(error) from error
            finally:
                stream.cancel()
                _ended(span)

        return call

    def _metadata(self, caller: Caller | None, span: trace.Span | None) -> Sequence[tuple[str, str]]:
        """Return who we are, for whom we call, and which request and trace this belongs to."""
        inherited = current_call.get()
        user = caller or (inherited.caller if inherited else Caller())
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span) if span is not None else None)
        request_id = inherited.request_id if inherited else str(uuid.uuid4())
        if inherited is not None and _is_retried(inherited):
            carrier[RETRIED_OUTSIDE] = "yes"
        return (
            ("x-aisle-caller", self._service),
            ("x-aisle-subject", user.subject),
            ("x-aisle-role", user.role),
            *((("x-aisle-address", user.address),) if user.address else ()),
            ("x-request-id", request_id),
            *carrier.items(),
        )


def _span(method: str) -> trace.Span | None:
    """Return the span of a call, begun below the current one; none where that is not recorded."""
    if not trace.get_current_span().is_recording():
        return None
    service, _, name = method.lstrip("/").partition("/")
    attributes = {"rpc.system": "grpc", telemetry.RPC_SERVICE: service, telemetry.RPC_METHOD: name}
    return telemetry.tracer.start_span(method.lstrip("/"), kind=trace.SpanKind.CLIENT, attributes=attributes)


def _failed(span: trace.Span | None, error: grpc.aio.AioRpcError) -> None:
    if span is not None:
        span.set_attribute(telemetry.RPC_STATUS, error.code().name)
        # A refusal is an answer, here as on the other side: who goes on without has not failed.
        if error.code().name in FAULTS:
            span.set_status(trace.StatusCode.ERROR)


def _ended(span: trace.Span | None) -> None:
    if span is not None:
        span.end()


def _is_retried(call: Call) -> bool:
    """Return whether somebody further out sends a call again when it fails."""
    return RETRIED_OUTSIDE in call.metadata or (call.policy is not None and call.policy.retry_safe)


def _deadline(policy: Policy | None, asked: float | None) -> float | None:
    """Return the seconds a call may take: the least of asked, the method's own, and what our caller has left."""
    limits = [asked, (policy.deadline or None) if policy else None]
    inherited = current_call.get()
    if inherited is not None:
        limits.append(inherited.context.time_remaining())
    stated = [limit for limit in limits if limit is not None]
    return max(min(stated), 0.0) if stated else None


def _fill_request_id(request: Message, policy: Policy | None) -> None:
    """Give a mutation the id that makes it safe to send again."""
    if policy is not None and policy.side_effects and getattr(request, "request_id", None) == "":
        request.request_id = str(uuid.uuid4())  # type: ignore[attr-defined]
