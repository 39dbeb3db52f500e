"""Envoy's rate limit protocol: envoy.service.ratelimit.v3.RateLimitService, answered with messages of our own."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.metrics import CallbackOptions, Observation

from aisle.limits.v1.rate_limit_pb2 import Descriptor as Asked
from aisle.limits.v1.rate_limit_pb2 import ShouldRateLimitRequest, ShouldRateLimitResponse
from services.limits.application.should_limit import ShouldLimit
from services.limits.domain.limit import Descriptor, Unit, Verdict, longest_wait
from services.runtime import status, telemetry
from services.runtime.errors import AisleError, Invalid, Unavailable

METHOD = "ShouldRateLimit"
DOMAIN = "limits.aisle"
SERVICE = "envoy.service.ratelimit.v3.RateLimitService"

_KEY = "key"
# Envoy's own name for addresses; of IPv4 it tells the whole one.
_MASKED = "masked_remote_address"
_BEARER = "bearer "
_RateLimit = ShouldRateLimitResponse.RateLimit
_OK = ShouldRateLimitResponse.CODE_OK
_OVER = ShouldRateLimitResponse.CODE_OVER_LIMIT
_UNITS = {
    Unit.SECOND: _RateLimit.UNIT_SECOND,
    Unit.MINUTE: _RateLimit.UNIT_MINUTE,
    Unit.HOUR: _RateLimit.UNIT_HOUR,
    Unit.DAY: _RateLimit.UNIT_DAY,
}


class RateLimitServicer:
    """Translates between Envoy and the use case."""

    def __init__(self, should_limit: ShouldLimit) -> None:
        """Take the use case."""
        self._should_limit = should_limit
        self._decisions: Counter[tuple[str, str]] = Counter()
        telemetry.meter.create_observable_counter(
            "aisle.limits.decisions",
            [self._observed],
            unit="{request}",
            description="Requests asked about, by domain and what was said.",
        )

    def register(self, server: grpc.aio.Server) -> None:
        """Mount on a server, under the name by which Envoy calls."""
        handler = grpc.unary_unary_rpc_method_handler(self._called, request_deserializer=None, response_serializer=None)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))

    async def answer(self, raw: bytes) -> bytes:
        """Answer whether a request may pass, in the bytes of the wire.

        Raises Unavailable when nobody can count, and Envoy then decides by its route.
        """
        try:
            request = ShouldRateLimitRequest.FromString(raw)
        except DecodeError:
            raise Invalid("REQUEST_UNREADABLE", "The request is not a message of the type this method takes.") from None
        asked = [(_descriptor(one), _hits(one, request)) for one in request.descriptors]
        try:
            verdicts = await self._should_limit(request.domain, asked)
        except Unavailable:
            self._decisions[request.domain, "unknown"] += 1
            raise
        answer = _answer(verdicts)
        self._decisions[request.domain, "ok" if answer.overall_code == _OK else "over_limit"] += 1
        return answer.SerializeToString()

    async def _called(self, raw: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        try:
            return await self.answer(raw)
        except AisleError as refused:
            found: Any = status.to_grpc(status.to_status(refused, DOMAIN))
            await context.abort(found.code, found.details, found.trailing_metadata)

    def _observed(self, options: CallbackOptions) -> Iterable[Observation]:
        """Return the counts, summed up here: an instrument takes longer than the decision itself."""
        return [
            Observation(count, {"domain": domain, "decision": decision})
            for (domain, decision), count in self._decisions.copy().items()
        ]


def _descriptor(one: Asked) -> Descriptor:
    return tuple(_entry(entry.key, entry.value) for entry in one.entries)


def _entry(key: str, value: str) -> tuple[str, str]:
    if key == _KEY:
        return key, _unreadable(value)
    if key == _MASKED:
        return "address", value.removesuffix("/32")
    return key, value


def _unreadable(authorization: str) -> str:
    """Return what stands for an API key from here on: nothing keeps, shows or logs the key itself."""
    key = authorization[len(_BEARER) :] if authorization[: len(_BEARER)].lower() == _BEARER else authorization
    return f"sha256:{hashlib.sha256(key.strip().encode()).hexdigest()}"


def _hits(one: Asked, request: ShouldRateLimitRequest) -> int:
    if one.HasField("hits_addend"):
        return min(one.hits_addend.value, 1_000_000_000)
    return request.hits_addend or 1


def _answer(verdicts: Sequence[Verdict]) -> ShouldRateLimitResponse:
    answer = ShouldRateLimitResponse(overall_code=_OK)
    for verdict in verdicts:
        status = answer.statuses.add(code=_OK if verdict.allowed else _OVER)
        if verdict.limit is not None:
            status.limit_remaining = verdict.remaining
            status.current_limit.requests_per_unit = verdict.limit.requests
            status.current_limit.unit = _UNITS[verdict.limit.unit]
            status.duration_until_reset.FromNanoseconds(int(verdict.reset * 1e9))
        if not verdict.allowed:
            answer.overall_code = _OVER
    wait = longest_wait(verdicts)
    if wait > 0:
        answer.response_headers_to_add.add(key="retry-after", value=str(math.ceil(wait)))
    return answer
