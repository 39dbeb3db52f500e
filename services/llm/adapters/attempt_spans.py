"""A span per call to a model, below the span of the RPC it belongs to. Spans hold no text of prompts or answers.

A span is written when its call ends, with everything it says at once. Its parent is noted when the call begins, because
a stream whose client left is closed outside its RPC's context.
"""

import os
import time
from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import SpanContext

from services.llm.adapters import genai_names as names
from services.llm.adapters.otlp_spans import OtlpSpans
from services.llm.domain.generation import Ended
from services.llm.domain.usage import UsageRecord

# Combinations of model, use case and outcome whose attributes are kept as bytes.
_MOST_PREFIXES = 5000
_SAMPLED = 0x01


class AttemptSpan:
    """One call that is going on. `end` writes its span; a context manager ends as failed what nobody ended."""

    __slots__ = ("_began", "_model", "_operation", "_owner", "_parent", "_span_id")

    def __init__(self, owner: "AttemptSpans", operation: str, model: str, parent: SpanContext) -> None:
        """Begin now, below a span."""
        self._owner: AttemptSpans | None = owner
        self._operation = operation
        self._model = model
        self._parent = parent
        self._span_id = os.urandom(8)
        self._began = time.time_ns()

    @property
    def traceparent(self) -> str:
        """Return the W3C header by which a model server of ours goes on with the trace; empty when nobody traces."""
        return f"00-{self._parent.trace_id:032x}-{self._span_id.hex()}-01"

    def end(self, record: UsageRecord, ended: Ended | None = None) -> None:
        """Write the span from what the call came to. Only the first time counts."""
        if self._owner is None:
            return
        span = self._span(record.outcome in names.WELL)
        usage, attributes = record.usage, span.attributes
        attributes.add(key=names.INPUT_TOKENS).value.int_value = usage.input_tokens
        attributes.add(key=names.OUTPUT_TOKENS).value.int_value = usage.output_tokens
        if usage.cached_input_tokens:
            attributes.add(key=names.CACHED_TOKENS).value.int_value = usage.cached_input_tokens
        if record.attempt != 1:
            attributes.add(key=names.ATTEMPT).value.int_value = record.attempt
        if record.hedge:
            attributes.add(key=names.HEDGE).value.bool_value = True
        finish = ""
        if ended is not None:
            finish = ended.reason.value
            if ended.response_id:
                attributes.add(key=names.RESPONSE_ID).value.string_value = ended.response_id
        # What many calls have in common is added as bytes: in this protocol one after another is one with both.
        prefix = self._owner.prefix(record, finish, (ended and ended.served_model) or record.model)
        self._owner.add(span.SerializeToString() + prefix)
        self._owner = None

    def __enter__(self) -> Self:
        """Go on: the call has begun already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End as failed what was not ended."""
        if self._owner is None:
            return
        span = self._span(False)
        for key, value in (
            (names.OPERATION, self._operation),
            (names.REQUEST_MODEL, self._model),
            (names.ERROR_TYPE, kind.__name__ if kind is not None else "_OTHER"),
        ):
            span.attributes.add(key=key).value.string_value = value
        self._owner.add(span.SerializeToString())
        self._owner = None

    def _span(self, well: bool) -> Span:
        span, parent = Span(), self._parent
        span.trace_id = parent.trace_id.to_bytes(16, "big")
        span.span_id = self._span_id
        span.parent_span_id = parent.span_id.to_bytes(8, "big")
        span.flags = _SAMPLED
        span.name = f"{self._operation} {self._model}"
        span.kind = Span.SPAN_KIND_CLIENT
        span.start_time_unix_nano = self._began
        span.end_time_unix_nano = time.time_ns()
        if not well:
            span.status.code = Status.STATUS_CODE_ERROR
        return span


class _Nothing(AttemptSpan):
    """Stands in while nobody traces."""

    __slots__ = ()

    def __init__(self) -> None:
        """Hold nothing."""
        self._owner = None

    @property
    def traceparent(self) -> str:
        """Return nothing."""
        return ""


_NOTHING = _Nothing()


class AttemptSpans:
    """Makes spans of calls, where traces are exported and the RPC's trace is sampled."""

    def __init__(self, exporter: OtlpSpans | None = None) -> None:
        """Take where spans go; without it nobody traces."""
        self._exporter = exporter
        self._prefixes: dict[tuple[str, ...], bytes] = {}

    def attempt(self, operation: str, model: str) -> AttemptSpan:
        """Begin the span of a call: `chat models/small` below the current span."""
        if self._exporter is None:
            return _NOTHING
        parent = trace.get_current_span().get_span_context()
        return AttemptSpan(self, operation, model, parent) if parent.trace_flags.sampled else _NOTHING

    def add(self, span: bytes) -> None:
        """Hand a finished span to the exporter."""
        if self._exporter is not None:
            self._exporter.add(span)

    def prefix(self, record: UsageRecord, finish: str, served: str) -> bytes:
        """Return the attributes that many calls have in common, serialized."""
        key = (record.operation, record.provider, record.model, served, record.use_case, record.outcome, finish)
        found = self._prefixes.get(key)
        if found is None:
            if len(self._prefixes) >= _MOST_PREFIXES:
                # What a provider says served the call comes from outside: it must not fill the memory.
                self._prefixes.clear()
            found = self._prefixes[key] = _prefix(record, finish, served)
        return found


def _prefix(record: UsageRecord, finish: str, served: str) -> bytes:
    said = {
        names.OPERATION: record.operation,
        names.PROVIDER: names.PROVIDERS.get(record.provider, record.provider),
        names.REQUEST_MODEL: record.model,
        names.USE_CASE: record.use_case,
        names.OUTCOME: record.outcome,
    }
    if record.outcome == "ok":
        said[names.RESPONSE_MODEL] = served
    if record.outcome not in names.WELL:
        said[names.ERROR_TYPE] = record.outcome.replace(" ", "_")
    attributes = [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in said.items()]
    if finish:
        reasons = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=finish)]))
        attributes.append(KeyValue(key=names.FINISH_REASONS, value=reasons))
    return Span(attributes=attributes).SerializeToString()
