import type { Report } from "@/api/staff-types";
import { drawable, numberOf, textOf, wordsOf } from "@/features/insights/hooks/report-values";
import { formatPercent } from "@/lib/format";

const WIDTH = 480;
const STEP = 64;
const BAR = 34;

/** How many go on from step to step, and where they leave. */
export function FunnelPlot({ report }: { report: Report }) {
  const column = drawable(report)[0] ?? 1;
  const values = report.rows.map((row) => numberOf(row[column], report.columns[column]));
  const first = Math.max(values[0] ?? 0, 1);
  const height = report.rows.length * STEP;
  const width = (value: number) => Math.max((value / first) * WIDTH, 2);
  return (
    <svg
      aria-label={report.rows
        .map((row, index) => `${wordsOf(String(row[0]))}: ${String(values[index] ?? 0)}`)
        .join(", ")}
      className="w-full"
      role="img"
      viewBox={`0 0 ${String(WIDTH)} ${String(height)}`}
    >
      {report.rows.map((row, index) => {
        const value = values[index] ?? 0;
        const before = values[index - 1];
        const top = index * STEP;
        const next = values[index + 1];
        return (
          <g key={String(row[0])}>
            <text fill="var(--ink)" fontSize={14} x={0} y={top + 14}>
              {wordsOf(String(row[0]))}
              <tspan dx={10} fill="var(--muted)">
                {textOf(row[column])}
              </tspan>
            </text>
            {before !== undefined && before > 0 && (
              <text fill="var(--muted)" fontSize={13} textAnchor="end" x={WIDTH} y={top + 14}>
                {formatPercent(value / before, 0)} went on
              </text>
            )}
            <rect
              fill="var(--ember)"
              height={BAR - 12}
              opacity={1 - index * 0.14}
              rx={3}
              width={width(value)}
              x={0}
              y={top + 22}
            />
            {next !== undefined && (
              <path
                d={`M0 ${String(top + 44)}H${String(width(value))}L${String(width(next))} ${String(top + STEP)}H0Z`}
                fill="var(--ember-wash)"
                opacity={0.6}
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}
