import { Link } from "react-router";
import type { Operation } from "@/api/staff-types";
import { ScrollRegion } from "@/components/ui/scroll-region";
import { Spark } from "@/features/observability/components/spark";
import { formatRate } from "@/features/observability/hooks/figures";
import { formatMs } from "@/features/observability/hooks/span-tree";
import { cx } from "@/lib/class-names";
import { formatPercent } from "@/lib/format";

interface OperationTableProps {
  label: string;
  what: string;
  operations: Operation[];
  minutes: number;
  /** Where traces of one are found, if there is such a place. */
  tracesOf?: (operation: Operation) => string;
}

const HEADS = ["A minute", "Over time", "Failed", "Half below", "95 % below", "99 % below"];

/** Rate, failures and times, most often first. */
export function OperationTable({ label, what, operations, minutes, tracesOf }: OperationTableProps) {
  return (
    <ScrollRegion label={label}>
      <table className="w-full min-w-[720px] table-fixed border-collapse text-sm">
        <thead className="text-left text-xs text-muted">
          <tr className="border-b border-line-strong">
            <th className="w-44 py-2 font-medium @3xl:w-[30%]" scope="col">
              {what}
            </th>
            {HEADS.map((head) => (
              <th
                className={cx("py-2 pl-6 font-medium", head === "Over time" ? "w-[17%]" : "text-right")}
                key={head}
                scope="col"
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="figures">
          {operations.map((one) => (
            <tr className="border-b border-line" key={`${one.service} ${one.name}`}>
              <th className="py-2.5 text-left font-medium" scope="row">
                <Name operation={one} to={tracesOf?.(one)} />
              </th>
              <td className="py-2.5 pl-6 text-right">{formatRate(one.count / minutes)}</td>
              <td className="py-2.5 pl-6">
                <Spark counts={one.counts} errors={one.error_counts} />
              </td>
              <td className={cx("py-2.5 pl-6 text-right", one.errors > 0 && "font-medium text-brick-ink")}>
                {one.errors > 0 ? formatPercent(one.errors / one.count) : "–"}
              </td>
              {[one.p50_ms, one.p95_ms, one.p99_ms].map((ms, turn) => (
                <td className="py-2.5 pl-6 text-right whitespace-nowrap" key={turn}>
                  {formatMs(ms)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function Name({ operation, to }: { operation: Operation; to?: string }) {
  const name = operation.name || "Pages and files";
  const service = operation.service.split(".").at(-1);
  return (
    <>
      <span className="block truncate" title={name}>
        {to ? (
          <Link className="hover:underline" to={to}>
            {name}
          </Link>
        ) : (
          name
        )}
      </span>
      <span className="block truncate text-xs font-normal text-muted">{service}</span>
    </>
  );
}
