import type { ReactNode } from "react";
import type { Usage } from "@/api/staff-types";
import { FailureKinds } from "@/features/gateway/components/failure-kinds";
import { hitShare, hitsOf, outrunCalls, timeText } from "@/features/gateway/hooks/usage-values";
import { cx } from "@/lib/class-names";
import { formatCompact, formatMicros, formatNumber, formatPercent, plural } from "@/lib/format";

/** What all calls came to; those that failed stand apart and count in no time. */
export function UsageTotals({ total }: { total: Usage }) {
  const share = hitShare(total);
  const ended = total.ok_calls + total.failed_calls;
  const also = [
    total.left_calls > 0 && `${plural(total.left_calls, "caller", "callers")} left before the end`,
    outrunCalls(total) > 0 && `${formatNumber(outrunCalls(total))} stopped, another model was faster`,
  ].filter(Boolean);
  return (
    <dl className="grid gap-8 @2xl:grid-cols-2 @4xl:grid-cols-3 @4xl:gap-x-12">
      <Figure label="Cost" value={formatMicros(total.cost_micros)}>
        <p>
          {formatCompact(total.input_tokens)} tokens read, {formatCompact(total.output_tokens)} written. Calls
          that failed or were left cost too.
        </p>
      </Figure>
      <Figure label="Answered calls" value={formatNumber(total.ok_calls)}>
        <p>
          {hitsOf(total) > 0
            ? `${formatNumber(hitsOf(total))} of them from the cache`
            : "None of them from the cache"}
        </p>
        {also.length > 0 && <p>{also.join(". ")}.</p>}
      </Figure>
      <Figure isBad={total.failed_calls > 0} label="Failed calls" value={formatNumber(total.failed_calls)}>
        {total.failed_calls > 0 ? (
          <>
            <p>{formatPercent(total.failed_calls / ended)} of what came to an end</p>
            <FailureKinds failures={total.failures} />
          </>
        ) : (
          <p>Nothing went wrong in this time</p>
        )}
      </Figure>
      <Figure isSmall label="From the cache" value={share === null ? "–" : formatPercent(share)}>
        <p>
          {share === null
            ? "Nobody looked into the cache"
            : `${formatNumber(total.exact_hits)} the same question, ${formatNumber(total.similar_hits)} of the same meaning, ${formatNumber(total.shared_hits)} shared with a call under way`}
        </p>
      </Figure>
      <Figure isSmall label="Saved by the cache" value={formatMicros(total.saved_micros)}>
        <p>What its answers would have cost, as far as that is known</p>
      </Figure>
      <Figure
        isSmall
        label="First token, half of the calls"
        value={timeText(total, total.first_token_p50_seconds)}
      >
        <p>
          {total.first_token_p95_seconds > 0 &&
            `95 of 100 within ${timeText(total, total.first_token_p95_seconds)}. `}
          Only calls that ended well, without the cache and batches.
        </p>
      </Figure>
    </dl>
  );
}

interface FigureProps {
  label: string;
  value: string;
  isBad?: boolean;
  isSmall?: boolean;
  children: ReactNode;
}

function Figure({ label, value, isBad = false, isSmall = false, children }: FigureProps) {
  return (
    <div
      className={cx(
        "pt-3",
        isSmall ? "border-t border-line-strong" : "border-t-2",
        !isSmall && (isBad ? "border-brick" : "border-ink"),
      )}
    >
      <dt className="text-muted">{label}</dt>
      <dd className={cx("display figures mt-1", isSmall ? "text-xl" : "text-3xl", isBad && "text-brick-ink")}>
        {value}
      </dd>
      <dd className="mt-1 space-y-1 text-xs text-muted">{children}</dd>
    </div>
  );
}
