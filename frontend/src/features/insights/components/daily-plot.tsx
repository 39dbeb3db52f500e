import { useState, type KeyboardEvent } from "react";
import type { Report } from "@/api/staff-types";
import { columnLabel, drawable, numberOf, textOf, ticks } from "@/features/insights/hooks/report-values";
import { cx } from "@/lib/class-names";
import { useMedia } from "@/lib/use-media";
import { formatCompact, formatDay } from "@/lib/format";

const WIDE = { width: 960, height: 280 };
const NARROW = { width: 420, height: 240 };
const LEFT = 44;
const BOTTOM = 28;
const TOP = 12;

/** One line over the days; which number it draws can be chosen, and each day can be read. */
export function DailyPlot({ report }: { report: Report }) {
  const { width, height } = useMedia("(max-width: 640px)") ? NARROW : WIDE;
  const columns = drawable(report);
  const [column, setColumn] = useState(columns[0] ?? 1);
  const [at, setAt] = useState<number | null>(null);
  const values = report.rows.map((row) => numberOf(row[column], report.columns[column]));
  const marks = ticks(Math.max(...values, 0));
  const top = marks.at(-1) ?? 1;
  const x = (index: number) => LEFT + (index / Math.max(values.length - 1, 1)) * (width - LEFT - 8);
  const y = (value: number) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
  const line = values
    .map((value, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  const every = Math.ceil(values.length / (width / 150));
  const shown = at ?? values.length - 1;
  const name = columnLabel(report.columns[column] ?? "");

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") setAt(Math.max(shown - 1, 0));
    if (event.key === "ArrowRight") setAt(Math.min(shown + 1, values.length - 1));
  };

  return (
    <div>
      <div className="mb-3 flex flex-wrap items-baseline gap-x-4 gap-y-1">
        {columns.map((index) => (
          <button
            aria-pressed={index === column}
            className={cx(
              "border-b-2 pb-0.5 text-xs transition-colors",
              index === column ? "border-ember text-ink" : "border-transparent text-muted hover:text-ink",
            )}
            key={index}
            onClick={() => setColumn(index)}
            type="button"
          >
            {columnLabel(report.columns[index] ?? "")}
          </button>
        ))}
        <p aria-live="polite" className="figures ml-auto text-xs text-muted">
          {textOf(report.rows[shown]?.[0])}:{" "}
          <span className="font-medium text-ink">
            {textOf(report.rows[shown]?.[column], report.columns[column])}
          </span>
        </p>
      </div>
      {/* The plot is read day by day with the arrow keys, as it is with the pointer. */}
      {}
      <svg
        aria-label={`${name} a day. Left and right arrow keys read the days.`}
        className="w-full overflow-visible"
        onKeyDown={onKeyDown}
        onPointerLeave={() => setAt(null)}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const share = (((event.clientX - box.left) / box.width) * width - LEFT) / (width - LEFT - 8);
          setAt(Math.max(0, Math.min(values.length - 1, Math.round(share * (values.length - 1)))));
        }}
        role="img"

        tabIndex={0}
        viewBox={`0 0 ${String(width)} ${String(height)}`}
      >
        {marks.map((mark) => (
          <g key={mark}>
            <line stroke="var(--line)" strokeWidth={1} x1={LEFT} x2={width} y1={y(mark)} y2={y(mark)} />
            <text fill="var(--muted)" fontSize={12} textAnchor="end" x={LEFT - 10} y={y(mark) + 4}>
              {formatCompact(mark)}
            </text>
          </g>
        ))}
        {report.rows.map((row, index) =>
          index % every === 0 ? (
            <text
              fill="var(--muted)"
              fontSize={12}
              key={String(row[0])}
              textAnchor={index === 0 ? "start" : "middle"}
              x={x(index)}
              y={height - 6}
            >
              {formatDay(String(row[0]))}
            </text>
          ) : null,
        )}
        <path
          d={`${line}L${String(x(values.length - 1))} ${String(y(0))}L${String(x(0))} ${String(y(0))}Z`}
          fill="var(--ember-wash)"
        />
        <path d={line} fill="none" stroke="var(--ember)" strokeLinejoin="round" strokeWidth={2} />
        <line
          stroke="var(--line-strong)"
          strokeDasharray="2 3"
          x1={x(shown)}
          x2={x(shown)}
          y1={TOP}
          y2={y(0)}
        />
        <circle
          cx={x(shown)}
          cy={y(values[shown] ?? 0)}
          fill="var(--paper)"
          r={4.5}
          stroke="var(--ember)"
          strokeWidth={2}
        />
      </svg>
    </div>
  );
}
