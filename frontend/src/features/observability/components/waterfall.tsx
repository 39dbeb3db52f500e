import type { CSSProperties, KeyboardEvent } from "react";
import type { Trace } from "@/api/staff-types";
import { SpanDetails } from "@/features/observability/components/span-details";
import {
  branchesOf,
  coloursOf,
  formatMs,
  isProxy,
  titleOf,
  type Branch,
} from "@/features/observability/hooks/span-tree";
import { cx } from "@/lib/class-names";

interface WaterfallProps {
  trace: Trace;
  open: string;
  onOpen: (spanId: string) => void;
}

/** Who did what for how long, each under whoever asked for it. Arrows go from row to row. */
export function Waterfall({ trace, open, onOpen }: WaterfallProps) {
  const colours = coloursOf(trace.summary.services);
  const whole = Math.max(trace.summary.ms, 0.001);
  return (
    // The keys come from the rows, which are buttons.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div onKeyDown={walkRows}>
      <Scale ms={whole} />
      <Spans branches={branchesOf(trace.spans)} colours={colours} onOpen={onOpen} open={open} whole={whole} />
    </div>
  );
}

const ROW = "data-span-row";

/** The rows next to the one that has the focus are a key away; those of a large trace are many. */
function walkRows(event: KeyboardEvent<HTMLElement>) {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>(`[${ROW}]`)];
  const here = rows.indexOf(document.activeElement as HTMLElement);
  const places: Record<string, number> = {
    ArrowDown: here + 1,
    ArrowUp: here - 1,
    Home: 0,
    End: rows.length - 1,
  };
  const place = places[event.key];
  if (here < 0 || place === undefined) return;
  event.preventDefault();
  rows[Math.min(Math.max(place, 0), rows.length - 1)]?.focus();
}

const COLUMNS = "grid grid-cols-1 gap-x-4 @3xl:grid-cols-[minmax(0,30rem)_minmax(0,1fr)]";

function Scale({ ms }: { ms: number }) {
  return (
    <div className={cx(COLUMNS, "border-b border-line-strong pb-1 text-xs text-muted")}>
      <span>Span</span>
      <span aria-hidden="true" className="figures hidden justify-between @3xl:flex">
        {[0, 0.25, 0.5, 0.75, 1].map((share) => (
          <span key={share}>{formatMs(ms * share)}</span>
        ))}
      </span>
    </div>
  );
}

interface SpansProps {
  branches: Branch[];
  colours: Map<string, string>;
  whole: number;
  open: string;
  onOpen: (spanId: string) => void;
}

function Spans({ branches, ...shared }: SpansProps) {
  return (
    <ol>
      {branches.map((branch) => (
        <li key={branch.span.span_id}>
          <SpanRow branch={branch} {...shared} />
          {branch.children.length > 0 && <Spans branches={branch.children} {...shared} />}
        </li>
      ))}
    </ol>
  );
}

interface SpanRowProps extends Omit<SpansProps, "branches"> {
  branch: Branch;
}

function SpanRow({ branch: { span, depth }, colours, whole, open, onOpen }: SpanRowProps) {
  const isOpen = span.span_id === open;
  const colour = colours.get(span.service) ?? "var(--muted)";
  return (
    <div className="border-b border-line">
      <button
        aria-expanded={isOpen}
        className={cx(
          COLUMNS,
          "w-full items-center py-1.5 text-left text-sm hover:bg-sunk focus-visible:-outline-offset-2",
          isOpen && "bg-sunk",
        )}
        onClick={() => onOpen(isOpen ? "" : span.span_id)}
        type="button"
        {...{ [ROW]: "" }}
      >
        <span
          className="flex min-w-0 items-baseline gap-2 pl-[calc(var(--depth)*0.3rem)] @3xl:pl-[calc(var(--depth)*0.6rem)]"
          style={{ "--depth": Math.min(depth, 14) } as CSSProperties}
        >
          <span
            aria-hidden="true"
            className={cx("size-2 shrink-0 rounded-full", isProxy(span.service) && "opacity-50")}
            style={{ background: colour }}
          />
          <span className={cx("min-w-0 truncate", span.failed && "text-brick-ink")} title={titleOf(span)}>
            {titleOf(span)}
            {span.failed && <span className="ml-2 text-xs font-medium">failed</span>}
          </span>{" "}
          <span className="max-w-[40%] shrink-0 truncate text-xs text-muted">{span.service}</span>{" "}
          <span className="figures ml-auto shrink-0 pl-2 text-xs text-muted">{formatMs(span.ms)}</span>
        </span>
        <Bar colour={colour} span={span} whole={whole} />
      </button>
      {isOpen && <SpanDetails span={span} />}
    </div>
  );
}

/** When within the whole, and for how long; never so short that it cannot be seen. */
function Bar({ span, whole, colour }: { span: Branch["span"]; whole: number; colour: string }) {
  const left = Math.min(Math.max((span.offset_ms / whole) * 100, 0), 99.5);
  const width = Math.min(Math.max((span.ms / whole) * 100, 0.4), 100 - left);
  return (
    <span aria-hidden="true" className="relative mt-1 block h-3 @3xl:mt-0">
      <span
        className={cx(
          "absolute inset-y-0 rounded-sm",
          span.failed ? "outline-2 outline-brick-ink" : isProxy(span.service) && "opacity-50",
        )}
        style={{ left: `${left}%`, width: `${width}%`, background: colour }}
      />
    </span>
  );
}
