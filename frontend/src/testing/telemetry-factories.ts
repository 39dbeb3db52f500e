import type { Figure, Health, Operation, Span, Trace, Traces, TraceSummary } from "@/api/staff-types";

export function makeSpan(change: Partial<Span> = {}): Span {
  return {
    span_id: "s1",
    parent_span_id: "",
    operation: "GET /api/v1/products/search",
    service: "edge",
    kind: "server",
    offset_ms: 0,
    ms: 100,
    failed: false,
    attributes: {},
    linked_traces: [],
    ...change,
  };
}

export function makeTraceSummary(change: Partial<TraceSummary> = {}): TraceSummary {
  return {
    trace_id: "a1".repeat(16),
    root: "GET /api/v1/products/search",
    service: "edge",
    start_time: "2026-11-26T10:00:00Z",
    ms: 100,
    span_count: 1,
    error_count: 0,
    services: ["edge"],
    ...change,
  };
}

/** A trace of these spans; its summary follows from them. */
export function makeTrace(spans: Span[] = [makeSpan()], change: Partial<TraceSummary> = {}): Trace {
  const summary = makeTraceSummary({
    span_count: spans.length,
    error_count: spans.filter((span) => span.failed).length,
    services: [...new Set(spans.map((span) => span.service))],
    ...change,
  });
  return { summary, spans };
}

export function makeTraces(change: Partial<Traces> = {}): Traces {
  return {
    available: true,
    elsewhere: "",
    traces: [makeTraceSummary()],
    services: ["edge", "product"],
    next_page_token: "",
    ...change,
  };
}

export function makeOperation(change: Partial<Operation> = {}): Operation {
  return {
    service: "bff",
    name: "/api/v1/products/search",
    count: 30,
    errors: 0,
    p50_ms: 20,
    p95_ms: 80,
    p99_ms: 120,
    counts: [10, 20],
    error_counts: [0, 0],
    ...change,
  };
}

export function makeFigure(change: Partial<Figure> = {}): Figure {
  return { metric: "aisle.events.waiting", attributes: {}, value: 0, highest: 0, points: [0, 0], ...change };
}

/** A quarter of an hour in which one route was asked and nothing failed. */
export function makeHealth(change: Partial<Health> = {}): Health {
  return {
    available: true,
    elsewhere: "",
    start_time: "2026-11-26T10:00:00Z",
    step_seconds: 450,
    routes: [makeOperation()],
    methods: [],
    models: [],
    figures: [],
    ...change,
  };
}
