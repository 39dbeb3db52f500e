"""What the routes of telemetry take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from bff.inputs import PageSize, PageToken, Query, Text

SpanKind = Literal["internal", "server", "client", "producer", "consumer", "unknown"]


class TracesQuery(Query):
    """Which traces."""

    service: Annotated[Text, StringConstraints(max_length=100)] = Field("", description="One that took part.")
    method: Annotated[Text, StringConstraints(max_length=200)] = Field("", description="Part of a span's name.")
    min_ms: float = Field(0, ge=0, le=3_600_000, description="How long it took at least.")
    errors_only: bool = Field(False, description="Only those in which something failed.")
    page_size: PageSize = 0
    page_token: PageToken = ""


class TraceSummary(BaseModel):
    """A trace in one line."""

    trace_id: str
    root: str = Field(description="The name of its first span.")
    service: str = Field(description="Who that was.")
    start_time: datetime
    ms: float
    span_count: int
    error_count: int
    services: list[str]


class Elsewhere(BaseModel):
    """Whether telemetry is kept where it can be asked for, and where else it is looked at."""

    available: bool
    elsewhere: str = Field(
        description="Address to look a trace up; `{trace_id}` and `{xray_id}` stand for its id in either form."
    )


class Traces(Elsewhere):
    """A page of traces, newest first."""

    traces: list[TraceSummary]
    services: list[str] = Field(description="Whoever took part in any.")
    next_page_token: str


class Span(BaseModel):
    """One piece of work in a trace."""

    span_id: str
    parent_span_id: str
    operation: str
    service: str
    kind: SpanKind
    offset_ms: float = Field(description="From the begin of the trace.")
    ms: float
    failed: bool
    attributes: dict[str, str]
    linked_traces: list[str]


class Trace(BaseModel):
    """A trace with its spans, earliest first."""

    summary: TraceSummary
    spans: list[Span]


class HealthQuery(Query):
    """Over which time."""

    minutes: int = Field(15, ge=1, le=60, description="From so many minutes ago until now.")


class Operation(BaseModel):
    """How often something was done, how often it failed, and how long it took."""

    service: str
    name: str
    count: float
    errors: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    counts: list[float] = Field(description="For each step.")
    error_counts: list[float] = Field(description="For each step.")


class Figure(BaseModel):
    """One line of a metric that only goes up, or that tells how something is."""

    metric: str
    attributes: dict[str, str]
    value: float = Field(description="What was added, or how it is now.")
    highest: float
    points: list[float] = Field(description="For each step.")


class Health(Elsewhere):
    """How every part of the platform does."""

    start_time: datetime | None = None
    step_seconds: float
    routes: list[Operation]
    methods: list[Operation]
    models: list[Operation]
    figures: list[Figure]
