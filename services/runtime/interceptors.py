"""What happens around every call a server answers, the same for all kinds of calls.

Stages run outermost first: telemetry, errors, identity, deadline, validation, idempotency. Each is an async context
manager around the handler, so a stream is inside all of them until its last message.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import protovalidate
from google.protobuf.message import Message
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace

from aisle.mesh.v1.policy_pb2 import ROLE_ADMIN, ROLE_ANONYMOUS, ROLE_SHOPPER
from services.runtime import errors, status, telemetry
from services.runtime.policy import Policy, policy_of

log = logging.getLogger("aisle.rpc")

ROLES = {"anonymous": ROLE_ANONYMOUS, "shopper": ROLE_SHOPPER, "admin": ROLE_ADMIN}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a call: the service that made it, and the end user it was made for."""

    service: str = ""
    subject: str = ""
    role: str = "anonymous"


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


class Replies(Protocol):
    """Where replies of mutations are remembered (services/runtime/idempotency.py)."""

    async def once(self, caller: str, method: str, request: Message, run: Callable[[], Awaitable[Message]]) -> Message:
        """Return what `run` returned the first time this request id was seen."""
        ...


current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
Stage = Callable[[Call, Message], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def telemetry_stage(call: Call, request: Message) -> AsyncIterator[None]:
    """Span, histogram and one log line, recorded when the call or stream has ended."""
    call.request_id = call.metadata.get("x-request-id") or str(uuid.uuid4())
    service, _, name = call.method.lstrip("/").partition("/")
    attributes = {telemetry.RPC_SERVICE: service, telemetry.RPC_METHOD: name}
    started = time.perf_counter()
    parent = propagate.extract(call.metadata)
    span = telemetry.tracer.start_span(call.method, parent, trace.SpanKind.SERVER, attributes)
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


class ErrorsStage:
    """The only place where an error becomes a status."""

    def __init__(self, domain: str) -> None:
        """Take the ErrorInfo domain, for example "product.aisle"."""
        self._domain = domain

    @asynccontextmanager
    async def __call__(self, call: Call, request: Message) -> AsyncIterator[None]:
        """Answer domain errors by their code, anything else by a fixed text; log the latter with its traceback."""
        try:
            yield
        except errors.AisleError as error:
            answer = status.to_status(error, self._domain)
        except (asyncio.CancelledError, grpc.aio.AbortError):
            raise
        except Exception:
            log.exception("call failed", extra={"data": {"method": call.method, "request_id": call.request_id}})
            answer = status.internal(self._domain, call.request_id)
        else:
            return
        rendered = status.to_grpc(answer)
        call.code = rendered.code.name
        # The published type stubs do not know abort_with_status yet.
        context: Any = call.context
        await context.abort_with_status(rendered)


@asynccontextmanager
async def identity_stage(call: Call, request: Message) -> AsyncIterator[None]:
    """Refuse services and users that the method's policy does not name."""
    call.caller = Caller(
        service=call.metadata.get("x-aisle-caller", ""),
        subject=call.metadata.get("x-aisle-subject", ""),
        role=call.metadata.get("x-aisle-role", "anonymous"),
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
    yield


@asynccontextmanager
async def deadline_stage(call: Call, request: Message) -> AsyncIterator[None]:
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


@asynccontextmanager
async def validation_stage(call: Call, request: Message) -> AsyncIterator[None]:
    """Refuse requests that break the rules written on their fields."""
    if isinstance(request, Message):
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
    yield


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
        self._stages: Sequence[Stage] = (
            telemetry_stage,
            ErrorsStage(domain),
            identity_stage,
            deadline_stage,
            validation_stage,
        )
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
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method, policy, handler.unary_stream), **shape)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, policy, handler.unary_unary), **shape)

    def _unary(self, method: str, policy: Policy, behaviour: Any) -> Any:
        async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = _call(method, policy, context)
            async with self._around(call, request):
                if self._replies is None or not policy.side_effects:
                    return await behaviour(request, context)
                return await self._replies.once(
                    call.caller.service, method, request, lambda: behaviour(request, context)
                )

        return answer

    def _streaming(self, method: str, policy: Policy, behaviour: Any) -> Any:
        async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            call = _call(method, policy, context)
            async with self._around(call, request), aclosing(behaviour(request, context)) as replies:
                async for reply in replies:
                    yield reply

        return answer

    @asynccontextmanager
    async def _around(self, call: Call, request: Message) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for stage in self._stages:
                await stack.enter_async_context(stage(call, request))
            yield


def _call(method: str, policy: Policy, context: grpc.aio.ServicerContext[Any, Any]) -> Call:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    return Call(method=method, context=context, policy=policy, metadata=metadata)
