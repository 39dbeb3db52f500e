/** Which traces are looked at; the address of the page holds it, so that it can be passed on. */
export interface TraceFilters {
  service: string;
  method: string;
  minMs: number;
  errorsOnly: boolean;
}

export function filtersOf(params: URLSearchParams): TraceFilters {
  const minMs = Number(params.get("min_ms"));
  return {
    service: params.get("service") ?? "",
    method: params.get("method") ?? "",
    minMs: Number.isFinite(minMs) && minMs > 0 ? minMs : 0,
    errorsOnly: params.get("errors") === "1",
  };
}

export function paramsOf(filters: TraceFilters): URLSearchParams {
  const params = new URLSearchParams();
  if (filters.service) params.set("service", filters.service);
  if (filters.method) params.set("method", filters.method);
  if (filters.minMs) params.set("min_ms", String(filters.minMs));
  if (filters.errorsOnly) params.set("errors", "1");
  return params;
}

const TRACE_ID = /^[0-9a-f]{32}$/;

/** The id in what was typed: as the shop tells it, or as a `traceparent` has it. Empty when there is none. */
export function traceIdOf(text: string): string {
  const typed = text.trim().toLowerCase();
  const inside = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(typed)?.[1] ?? typed;
  return TRACE_ID.test(inside) ? inside : "";
}
