import { Link } from "react-router";
import type { Span } from "@/api/staff-types";
import { pages } from "@/config/paths";
import { formatMs } from "@/features/observability/hooks/span-tree";

/** A proxy names what it has nothing to say of as well, with a dash or with nothing. */
const isTold = ([, value]: [string, string]) => value.trim() !== "" && value !== "-";

/** All that is known of a span. */
export function SpanDetails({ span }: { span: Span }) {
  const told: [string, string][] = [
    ["Operation", span.operation],
    ["Service", span.service],
    ["Began after", formatMs(span.offset_ms)],
    ["Took", formatMs(span.ms)],
    ["Kind", span.kind],
    ["Span id", span.span_id],
    ...Object.entries(span.attributes)
      .filter(isTold)
      .sort(([a], [b]) => a.localeCompare(b)),
  ];
  return (
    <div className="bg-sunk px-3 pt-1 pb-4 @3xl:px-6">
      <dl className="grid gap-x-6 gap-y-1 text-xs @3xl:grid-cols-[14rem_minmax(0,1fr)]">
        {told.map(([name, value]) => (
          <div className="contents" key={name}>
            <dt className="pt-1 text-muted @3xl:pt-0">{name}</dt>
            <dd className="font-mono whitespace-pre-wrap wrap-anywhere">{value.trim()}</dd>
          </div>
        ))}
      </dl>
      {span.linked_traces.length > 0 && (
        <p className="mt-3 text-xs">
          Part of more than one trace; the others:{" "}
          {span.linked_traces.map((id) => (
            <Link className="mr-3 font-mono underline" key={id} to={pages.admin.trace(id)}>
              {id.slice(0, 8)}
            </Link>
          ))}
        </p>
      )}
    </div>
  );
}
