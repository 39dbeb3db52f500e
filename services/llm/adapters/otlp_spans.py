"""Finished spans to an OpenTelemetry collector, from the event loop and in the bytes of the protocol.

The SDK takes about 95 microseconds of processor time for one span of ours: 30 to make it and 64 to translate it in
Python when it is exported. Written as the protocol's message at once a span takes about ten, and a batch is sent as the
bytes of its spans one after another. Spans of the SDK and these are parts of the same traces.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from services.llm.adapters.genai_names import SPANS_LOST
from services.llm.adapters.usage_to_frame import varint
from services.runtime import telemetry

log = logging.getLogger("aisle.llm.spans")

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_BATCH = 512
_PAUSE = 1.0
_TIMEOUT = 5.0
# Spans kept while the collector is slow or away: about 4 MB.
_MOST = 8192
# Field 2 of ScopeSpans, of the kind that carries its length: what stands before each span in it.
_FIELD = b"\x12"


class OtlpSpans:
    """Takes spans in without waiting, and sends them every second. Use as an async context manager."""

    def __init__(self, endpoint: str, resource: dict[str, str]) -> None:
        """Take the collector's `host:port` and what stands on all spans, for example `service.name`."""
        options = (("grpc.enable_http_proxy", 0),)
        self._channel = grpc.aio.insecure_channel(endpoint.removeprefix("http://"), options=options)
        self._send: Callable[..., Any] = self._channel.unary_unary(_METHOD, None, None)
        self._waiting: deque[bytes] = deque()
        self._resource = Resource(
            attributes=[KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in resource.items()]
        )
        self._lost = telemetry.meter.create_counter(SPANS_LOST, description="Spans that no collector took.")

    async def __aenter__(self) -> Self:
        """Open lazily: the first batch connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send what is left, once, and close."""
        await self.flush()
        await self._channel.close(None)

    def add(self, span: bytes) -> None:
        """Take a span, serialized; when too many wait it is lost and counted."""
        if len(self._waiting) < _MOST:
            self._waiting.append(span)
        else:
            self._lost.add(1)

    async def flush(self) -> None:
        """Send what waits, until the collector takes no more."""
        while self._waiting and await self._send_batch():
            pass

    async def __call__(self) -> None:
        """Send, over and over."""
        while True:
            await asyncio.sleep(_PAUSE)
            await self.flush()

    async def _send_batch(self) -> bool:
        """Send one batch. Returns False, and drops it, when the collector does not take it: traces are a courtesy."""
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        try:
            await self._send(self._request(batch), timeout=_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            self._lost.add(len(batch))
            log.warning("spans were lost", extra={"data": {"spans": len(batch), "code": error.code().name}})
            return False
        return True

    def _request(self, batch: list[bytes]) -> bytes:
        scope = ScopeSpans(scope=InstrumentationScope(name="aisle"))
        spans = b"".join(_FIELD + varint(len(span)) + span for span in batch)
        # Parsed and written again in C: 512 spans in about a millisecond, and no lengths of outer messages to count.
        scope.MergeFromString(spans)
        request = ExportTraceServiceRequest(
            resource_spans=[ResourceSpans(resource=self._resource, scope_spans=[scope])]
        )
        return request.SerializeToString()
