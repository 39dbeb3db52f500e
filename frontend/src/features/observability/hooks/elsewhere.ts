/** Where a trace is looked up in a console that knows it by either form of its id. */
export function addressElsewhere(template: string, traceId: string): string {
  return template
    .replace("{trace_id}", traceId)
    .replace("{xray_id}", `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`);
}
