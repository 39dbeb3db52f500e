import type { ApiKey, Usage, UsageBy } from "@/api/staff-types";
import { ScrollRegion } from "@/components/ui/scroll-region";
import { FailureKinds } from "@/features/gateway/components/failure-kinds";
import { GROUPS, groupLabel, hitShare, timeText } from "@/features/gateway/hooks/usage-values";
import { cx } from "@/lib/class-names";
import { formatCompact, formatMicros, formatNumber, formatPercent } from "@/lib/format";

const FIRST = ["Cost", "Answered", "Failed"];
const REST = ["From cache", "Saved", "Tokens in / out", "First token", "Whole answer"];

const TIMES = REST.slice(-2);

/** A line a group, the dearest first; failed calls have a column of their own and no part in the times. */
export function UsageTable({ rows, by, keys }: { rows: Usage[]; by: UsageBy; keys: ApiKey[] | undefined }) {
  const name = GROUPS.find(([each]) => each === by)?.[1] ?? "Group";
  return (
    <ScrollRegion label={`Usage by ${name.toLowerCase()}`}>
      <table className="w-full min-w-[960px] border-collapse text-sm">
        <caption className="sr-only">
          Times are of calls that ended well: half of them were faster than the first, 95 of 100 faster than
          the second. Failed calls have a column of their own.
        </caption>
        <thead className="text-xs text-muted">
          <tr className="border-b border-line-strong">
            <th className="sticky left-0 bg-paper py-2 pr-4 text-left font-medium" scope="col">
              {name}
            </th>
            {[...FIRST, ...REST].map((head) => (
              <th className="py-2 pl-6 text-right font-medium" key={head} scope="col">
                {head}
                {TIMES.includes(head) && <span className="block font-normal">half / 95 of 100</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="figures">
          {rows.map((row) => (
            <UsageRow by={by} key={row.key} keys={keys} row={row} />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function UsageRow({ row, by, keys }: { row: Usage; by: UsageBy; keys: ApiKey[] | undefined }) {
  const share = hitShare(row);
  const rest = [
    share === null ? "–" : formatPercent(share, 0),
    formatMicros(row.saved_micros),
    `${formatCompact(row.input_tokens)} / ${formatCompact(row.output_tokens)}`,
    pair(row, row.first_token_p50_seconds, row.first_token_p95_seconds),
    pair(row, row.latency_p50_seconds, row.latency_p95_seconds),
  ];
  return (
    <tr className="border-b border-line align-top">
      <th
        className="sticky left-0 max-w-40 bg-paper py-3 pr-4 text-left font-medium wrap-anywhere @2xl:max-w-72"
        scope="row"
      >
        {groupLabel(row.key, by, keys)}
      </th>
      <td className="py-3 pl-6 text-right">{formatMicros(row.cost_micros)}</td>
      <td className="py-3 pl-6 text-right">{formatNumber(row.ok_calls)}</td>
      <td
        className={cx(
          "py-3 pl-6 text-right whitespace-nowrap",
          row.failed_calls > 0 ? "text-brick-ink" : "text-muted",
        )}
      >
        {formatNumber(row.failed_calls)}
        {row.failed_calls > 0 && <FailureKinds failures={row.failures} />}
      </td>
      {rest.map((cell, index) => (
        <td className="py-3 pl-6 text-right whitespace-nowrap text-muted" key={REST[index]}>
          {cell}
        </td>
      ))}
    </tr>
  );
}

/** Two times, or one dash when no call ended well with a model. */
function pair(row: Usage, half: number, most: number): string {
  const texts = [timeText(row, half), timeText(row, most)];
  return texts.every((text) => text === "–") ? "–" : texts.join(" / ");
}
