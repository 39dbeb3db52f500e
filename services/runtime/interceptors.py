"""What happens around every call a server answers, the same for all kinds of calls.

Stages run outermost first: telemetry, errors, identity, deadline, validation, idempotency. What has to see the end of a
call is an async context manager around the handler, so a stream is inside it until its last message; what only lets in
or refuses is a function.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import protovalidate
from google.protobuf.message import DecodeError, Message
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace

from aisle.mesh.v1.policy_pb2 import ROLE_ADMIN, ROLE_ANONYMOUS, ROLE_SHOPPER
from services.runtime import errors, status, telemetry
from services.runtime.policy import Policy, policy_of

log = logging.getLogger("aisle.rpc")
# What staff changed or tried to change. Kept apart by its name, so that it can be kept longer than the rest.
audit = logging.getLogger("aisle.audit")
# Told whatever else is not.
audit.setLevel(logging.INFO)

# What went wrong on the side of whoever answers, as the conventions count it.
FAULTS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")

ROLES = {"anonymous": ROLE_ANONYMOUS, "shopper": ROLE_SHOPPER, "admin": ROLE_ADMIN}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a call: the service that made it, and the end user it was made for."""

    service: str = ""
    subject: str = ""
    role: str = "anonymous"
    # Of the end user, as the edge saw it: what is counted when nobody is signed in.
    address: str = ""


@dataclass(slots=True)
class Call:
    """A call being answered. What a stage learns, later stages and outgoing calls read."""

    method: str
    context: grpc.aio.ServicerContext[Any, Any]
    policy: Policy | None
    metadata: dict[str, str]
    request_id: str = ""
    caller: Caller = field(default_factory=Caller)
    code: str = "OK"
    # What the call is about, for the audit log.
    resource: str = ""


class Replies(Protocol):
    """Where replies of mutations are remembered (services/runtime/idempotency.py)."""

    async def once(self, caller: str, method: str, request: Message, run: Callable[[], Awaitable[Message]]) -> Message:
        """Return what `run` returned the first time this request id was seen."""
        ...


current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)


@asynccontextmanager
async def _telemetry(call: Call) -> AsyncIterator[None]:
    """Span, histogram and one log line, recorded when the call or stream has ended."""
    call.request_id = call.metadata.get("x-request-id") or str(uuid.uuid4())
    service, _, name = call.method.lstrip("/").partition("/")
    attributes = {telemetry.RPC_SERVICE: service, telemetry.RPC_METHOD: name}
    started = time.perf_counter()
    parent = propagate.extract(call.metadata)
    span = telemetry.tracer.start_span(call.method.lstrip("/"), parent, trace.SpanKind.SERVER, attributes)
    # Attached and never detached: the call's context ends with it, and a left stream is closed from another one.
    otel_context.attach(trace.set_span_in_context(span, parent))
    try:
        yield
    except asyncio.CancelledError:
        call.code = "CANCELLED"
        raise
    finally:
        elapsed = (time.perf_counter() - started) * 1000
        span.set_attribute(telemetry.RPC_STATUS, call.code)
        if span.is_recording():
            _describe(span, call)
        span.end()
        telemetry.rpc_duration.record(elapsed, {**attributes, telemetry.RPC_STATUS: call.code})
        data = {
            "method": call.method,
            "code": call.code,
            "ms": round(elapsed, 2),
            "request_id": call.request_id,
            "caller": call.caller.service,
        }
        log.info("rpc", extra={"data": data})
        if call.policy is not None and call.policy.audited:
            actor = {"actor": call.caller.subject, "role": call.caller.role, "resource": call.resource}
            audit.info("admin action", extra={"data": {**data, **actor}})


def _describe(span: trace.Span, call: Call) -> None:
    """Say what the call came to. What a caller did wrong is no error of the one who answers."""
    span.set_attributes({telemetry.REQUEST_ID: call.request_id, telemetry.CALLER: call.caller.service})
    if call.code in FAULTS:
        span.set_status(trace.StatusCode.ERROR)


@asynccontextmanager
async def _errors(call: Call, domain: str) -> AsyncIterator[None]:
    """Answer domain errors by their code, anything else by a fixed text; log the latter with its traceback.

    The only place where an error becomes a status.
    """
    try:
        yield
    except errors.AisleError as error:
        answer = status.to_status(error, domain)
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception:
        log.exception("call failed", extra={"data": {"method": call.method, "request_id": call.request_id}})
        answer = status.internal(domain, call.request_id)
    else:
        return
    rendered = status.to_grpc(answer)
    call.code = rendered.code.name
    # The published type stubs do not know abort_with_status yet.
    context: Any = call.context
    await context.abort_with_status(rendered)


def _identify(call: Call) -> None:
    """Refuse services and users that the method's policy does not name."""
    call.caller = Caller(
        service=call.metadata.get("x-aisle-caller", ""),
        subject=call.metadata.get("x-aisle-subject", ""),
        role=call.metadata.get("x-aisle-role", "anonymous"),
        address=call.metadata.get("x-aisle-address", ""),
    )
    if call.policy is not None:
        if call.caller.service not in call.policy.callers:
            who = call.caller.service or "An unnamed service"
            raise errors.Denied("CALLER_NOT_ALLOWED", "{caller} may not call {method}.", caller=who, method=call.method)
        if ROLES.get(call.caller.role, 0) < call.policy.role:
            if call.caller.role == "anonymous":
                raise errors.Unauthenticated("SIGN_IN_REQUIRED", "Sign in to do this.")
            raise errors.Denied("ROLE_TOO_LOW", "Your role does not allow this.")
    # Never reset: every call runs in a context of its own, and a stream whose client left is closed from another one.
    current_call.set(call)


@asynccontextmanager
async def _deadline(call: Call) -> AsyncIterator[None]:
    """End the call at the nearer of the caller's deadline and the method's own; refuse work that is dead already."""
    inherited = call.context.time_remaining()
    if inherited is not None and inherited <= 0:
        raise errors.DeadlineExceeded("DEADLINE_EXCEEDED", "The deadline had passed before the call began.")
    limits = [limit for limit in (inherited, call.policy.deadline if call.policy else 0) if limit]
    clock = asyncio.timeout(min(limits) if limits else None)
    try:
        async with clock:
            yield
    except TimeoutError:
        if not clock.expired():
            raise  # somebody else's time was up: a fault to be logged, not the caller's deadline
        raise errors.DeadlineExceeded("DEADLINE_EXCEEDED", "The call took longer than it may.") from None


class _Unreadable:
    """Stands where a request was that is no message of its type."""


def _reading(parse: Callable[[bytes], Message] | None) -> Callable[[bytes], Message | _Unreadable] | None:
    """Return a parser that leaves the refusal to the stages: gRPC would say UNKNOWN, and what class we choked on."""
    if parse is None:
        return None

    def read(raw: bytes) -> Message | _Unreadable:
        try:
            return parse(raw)
        except DecodeError:
            return _Unreadable()

    return read


def _validate(request: Message | _Unreadable) -> None:
    """Refuse requests that break the rules written on their fields."""
    if isinstance(request, _Unreadable):
        raise errors.Invalid("REQUEST_UNREADABLE", "The request is not a message of the type this method takes.")
    if not isinstance(request, Message):
        return
    try:
        protovalidate.validate(request)
    except protovalidate.ValidationError as invalid:
        violations = [_violation(v.proto) for v in invalid.violations]
        first = violations[0]
        raise errors.Invalid(
            "FIELD_INVALID",
            "{field}: {problem}.",
            violations,
            field=first.field,
            problem=first.description,
        ) from None


def _violation(found: Any) -> errors.FieldViolation:
    parts = []
    for element in found.field.elements:
        parts.append(element.field_name + (f"[{element.subscript.value}]" if _has_index(element) else ""))
    return errors.FieldViolation(".".join(parts) or "request", found.message or found.rule_id)


def _has_index(element: Any) -> bool:
    subscript = getattr(element, "subscript", None)
    return getattr(subscript, "field", "") == "index" if subscript is not None else False


class MeshInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Runs the stages around every handler of a server."""

    def __init__(self, domain: str, replies: Replies | None = None) -> None:
        """Take the ErrorInfo domain and, for services with mutations, where replies are remembered."""
        self._domain = domain
        self._replies = replies

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the method's handler with the stages around it; foreign methods are left alone."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        policy = policy_of(method)
        if handler is None or policy is None:
            return handler
        shape = {
            "request_deserializer": _reading(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method, policy, handler.unary_stream), **shape)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, policy, handler.unary_unary), **shape)

    def _unary(self, method: str, policy: Policy, behaviour: Any) -> Any:
        async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = _call(method, policy, context, request)
            async with _telemetry(call), _errors(call, self._domain):
                _identify(call)
                async with _deadline(call):
                    _validate(request)
                    # What is only looked at has no effect to be had once, and may be looked at again before it is done.
                    dry = getattr(request, "validate_only", False)
                    if self._replies is None or not policy.side_effects or dry:
                        return await behaviour(request, context)
                    return await self._replies.once(
                        call.caller.service, method, request, lambda: behaviour(request, context)
                    )

        return answer

    def _streaming(self, method: str, policy: Policy, behaviour: Any) -> Any:
        async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            call = _call(method, policy, context, request)
            async with _telemetry(call), _errors(call, self._domain):
                _identify(call)
                async with _deadline(call):
                    _validate(request)
                    async with aclosing(behaviour(request, context)) as replies:
                        async for reply in replies:
                            yield reply

        return answer


def _call(method: str, policy: Policy, context: grpc.aio.ServicerContext[Any, Any], request: Any) -> Call:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    resource = _resource(request) if policy.audited else ""
    return Call(method=method, context=context, policy=policy, metadata=metadata, resource=resource)


def _resource(request: Any) -> str:
    """Return what a change is about: the name in the request, or the first of several and how many there are."""
    if not isinstance(request, Message):
        return ""
    inner, more = request, 0
    for found, value in request.ListFields():
        if found.message_type is None or found.message_type.full_name.startswith("google."):
            continue
        inner, more = (value[0], len(value) - 1) if found.is_repeated else (value, 0)
        break
    names = (getattr(one, key, "") for one in (request, inner) for key in ("name", "product_id", "key", "display_name"))
    name = next((str(one) for one in names if one), "")[:200]
    return f"{name} and {more} more" if more else name
