import type { Report } from "@/api/staff-types";
import { columnLabel, textOf } from "@/features/insights/hooks/report-values";
import { cx } from "@/lib/class-names";

/** The numbers themselves. */
export function ReportTable({ report, title }: { report: Report; title: string }) {
  return (
    // A scrolling region has to be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div aria-label={title} className="relative max-h-80 overflow-auto" role="region" tabIndex={0}>
      <table className="w-full border-collapse text-xs">
        <thead>
          <tr>
            {report.columns.map((column, index) => (
              <th
                className={cx(
                  "sticky top-0 bg-paper py-1.5 pr-4 font-medium text-muted",
                  index === 0 ? "text-left" : "text-right",
                )}
                key={column}
                scope="col"
              >
                {columnLabel(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {report.rows.map((row, index) => (
            <tr className="border-t border-line" key={index}>
              {row.map((cell, column) => (
                <td
                  className={cx("figures py-1.5 pr-4", column === 0 ? "text-left" : "text-right")}
                  key={report.columns[column] ?? column}
                >
                  {column === 0
                    ? (report.products?.[String(cell)]?.title ?? textOf(cell))
                    : textOf(cell, report.columns[column])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
