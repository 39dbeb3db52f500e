import { Link } from "react-router";
import type { TraceSummary } from "@/api/staff-types";
import { pages } from "@/config/paths";
import { formatMs, servicesInWords, shortOperation } from "@/features/observability/hooks/span-tree";
import { cx } from "@/lib/class-names";
import { formatInstant, plural } from "@/lib/format";

/** Traces, newest first; the bar compares how long they took. */
export function TraceList({ traces }: { traces: TraceSummary[] }) {
  const longest = Math.max(...traces.map((trace) => trace.ms), 1);
  return (
    <ul className="divide-y divide-line border-y border-line">
      {traces.map((trace) => (
        <li key={trace.trace_id}>
          <Link
            className="group grid grid-cols-[minmax(0,1fr)_auto] gap-x-6 gap-y-1 py-3 @3xl:grid-cols-[minmax(0,1fr)_14rem_9rem]"
            to={pages.admin.trace(trace.trace_id)}
          >
            <span className="min-w-0">
              <span className="block truncate font-medium group-hover:underline">
                {shortOperation(trace.root)}
              </span>
              <span className="block truncate text-xs text-muted">
                {plural(trace.span_count, "span", "spans")} · {servicesInWords(trace.services)}
              </span>
            </span>
            <span className="figures text-right @3xl:text-left">
              <span className="flex items-center justify-end gap-3 @3xl:justify-start">
                <span aria-hidden="true" className="hidden h-1.5 flex-1 rounded-full bg-sunk @3xl:block">
                  <span
                    className={cx(
                      "block h-full rounded-full",
                      trace.error_count ? "bg-brick" : "bg-line-strong",
                    )}
                    style={{ width: `${Math.max((trace.ms / longest) * 100, 1)}%` }}
                  />
                </span>
                <span className="w-16 text-right">{formatMs(trace.ms)}</span>
              </span>
              <span className={cx("block text-xs", trace.error_count ? "text-brick-ink" : "text-muted")}>
                {trace.error_count > 0
                  ? plural(trace.error_count, "span failed", "spans failed")
                  : "None failed"}
              </span>
            </span>
            <span className="figures col-span-2 text-xs text-muted @3xl:col-span-1 @3xl:pt-0.5 @3xl:text-right">
              {formatInstant(trace.start_time)}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
