"""The last traces, within a bound of memory: ordinary ones leave first, those that failed or were slow stay longer."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

# Nanoseconds from which a trace is worth being kept longer.
SLOW = 1_000_000_000
# Of a trace that never ends, such as one of a stream that is open for hours, the first spans are kept.
MOST_SPANS = 2000
# The share of all memory that failed and slow traces may hold against ordinary ones.
_KEPT_SHARE = 0.7
# What an object of Python takes beside the bytes of the span.
_OVERHEAD = 150
_PATH = "url.path"


@dataclass(slots=True)
class Kept:
    """A trace as far as it has arrived."""

    trace_id: str
    # Spans as they came, each with the service that sent it.
    spans: list[tuple[str, bytes]] = field(default_factory=list)
    size: int = 0
    start: int = 0
    end: int = 0
    errors: int = 0
    services: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    root: str = ""
    root_service: str = ""
    root_start: int = 0
    has_root: bool = False
    # The address that the first span told, where it told one: assets have no route of their own.
    path: str = ""
    # The first span of whoever proxies handed the request to: it knows by its route what was asked.
    answer: str = ""
    answer_start: int = 0

    @property
    def notable(self) -> bool:
        """Return whether it is worth being kept longer."""
        return self.errors > 0 or self.end - self.start >= SLOW

    @property
    def title(self) -> str:
        """Return what was asked, as exactly as anybody said: a proxy knows a part of the address only."""
        method, _, part = self.root.partition(" ")
        if self.answer.startswith(f"{method} ") and self.answer != self.root:
            return self.answer
        return f"{method} {self.path}" if part and self.path.startswith(part) else self.root

    def add(self, service: str, span: Span) -> int:
        """Take a span. Returns by how many bytes this grew."""
        if len(self.spans) >= MOST_SPANS:
            return 0
        raw = span.SerializeToString()
        self.spans.append((service, raw))
        self.services.add(service)
        self.names.add(span.name)
        self.start = min(self.start or span.start_time_unix_nano, span.start_time_unix_nano)
        self.end = max(self.end, span.end_time_unix_nano)
        self.errors += failed(span)
        self._note_root(service, span)
        # A proxy beside a service begins before the service does, and tells the address without the method.
        is_answer = span.kind == Span.SPAN_KIND_SERVER and bool(span.parent_span_id) and " " in span.name
        if is_answer and (not self.answer or span.start_time_unix_nano < self.answer_start):
            self.answer, self.answer_start = span.name, span.start_time_unix_nano
        self.size += len(raw) + _OVERHEAD
        return len(raw) + _OVERHEAD

    def _note_root(self, service: str, span: Span) -> None:
        """Remember the first span: the one without a parent, or while that is missing the earliest."""
        is_root = not span.parent_span_id
        if self.has_root and not is_root:
            return
        if (is_root and not self.has_root) or not self.root or span.start_time_unix_nano < self.root_start:
            self.root, self.root_service = span.name, service
            self.root_start, self.has_root = span.start_time_unix_nano, is_root
            told = (one.value.string_value for one in span.attributes if one.key == _PATH)
            self.path = next(told, "")


def failed(span: Span) -> bool:
    """Return whether a span says that it failed."""
    return span.status.code == Status.STATUS_CODE_ERROR


@dataclass(frozen=True, slots=True)
class Wanted:
    """What traces somebody asks for. Empty texts and zeros ask for nothing."""

    service: str = ""
    method: str = ""
    # Nanoseconds.
    duration: int = 0
    errors_only: bool = False

    def fits(self, kept: Kept) -> bool:
        """Return whether a trace is like this."""
        if self.service and self.service not in kept.services:
            return False
        if self.errors_only and not kept.errors:
            return False
        if kept.end - kept.start < self.duration:
            return False
        part = self.method.casefold()
        return not part or any(part in name.casefold() for name in (kept.title, *kept.names))


class TraceStore:
    """Traces by their id. Used from one thread."""

    def __init__(self, most_bytes: int) -> None:
        """Take how much memory there is."""
        self._most = most_bytes
        self._traces: OrderedDict[str, Kept] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        """Return how many traces there are."""
        return len(self._traces)

    def add(self, service: str, span: Span) -> None:
        """Take a span of a service; what no longer fits leaves."""
        trace_id = span.trace_id.hex()
        kept = self._traces.get(trace_id)
        if kept is None:
            kept = self._traces[trace_id] = Kept(trace_id)
        self.size += kept.add(service, span)
        if self.size > self._most:
            self._make_room()

    def find(self, trace_id: str) -> Kept | None:
        """Return a trace."""
        return self._traces.get(trace_id)

    def services(self) -> set[str]:
        """Return the services that any trace tells of."""
        return {service for kept in self._traces.values() for service in kept.services}

    def newest(self, wanted: Wanted, before: tuple[int, str] | None = None) -> Iterator[Kept]:
        """Yield traces that fit, newest first, from behind a place on: a trace's start and id."""
        for kept in sorted(self._traces.values(), key=place, reverse=True):
            if (before is None or place(kept) < before) and wanted.fits(kept):
                yield kept

    def _make_room(self) -> None:
        """Let the oldest go until a tenth is free: ordinary ones, and notable ones where these hold too much."""
        goal = self._most * 9 // 10
        notable = sum(kept.size for kept in self._traces.values() if kept.notable)
        for trace_id, kept in list(self._traces.items()):
            if self.size <= goal:
                return
            if kept.notable:
                if notable <= self._most * _KEPT_SHARE:
                    continue
                notable -= kept.size
            self.size -= kept.size
            del self._traces[trace_id]


def place(kept: Kept) -> tuple[int, str]:
    """Return where a trace stands among others."""
    return kept.start, kept.trace_id
