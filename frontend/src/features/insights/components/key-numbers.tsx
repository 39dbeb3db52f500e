import { useQuery } from "@tanstack/react-query";
import type { Overview } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { Skeleton } from "@/components/ui/skeleton";
import { overviewQuery } from "@/features/insights/api/get-overview";
import { changeOf } from "@/features/insights/hooks/report-values";
import { cx } from "@/lib/class-names";
import { formatMoneyShort, formatNumber, formatPercent, plural } from "@/lib/format";

/** The three numbers that matter, each with what it was before. */
export function KeyNumbers({ days }: { days: number }) {
  const query = useQuery(overviewQuery(days));
  return (
    <AsyncView
      query={query}
      skeleton={
        <div className="grid gap-8 @3xl:grid-cols-3">
          {[0, 1, 2].map((index) => (
            <Skeleton className="h-28" key={index} />
          ))}
        </div>
      }
    >
      {(overview) => <Numbers days={days} overview={overview} />}
    </AsyncView>
  );
}

function Numbers({ overview, days }: { overview: Overview; days: number }) {
  const { current, previous } = overview;
  const whole = (minor: number) => ({ ...current.revenue, minor: Math.round(minor / 100) * 100 });
  const numbers = [
    {
      label: "Visitors",
      now: formatNumber(current.visitors),
      before: formatNumber(previous.visitors),
      change: changeOf(current.visitors, previous.visitors),
      also: `${formatNumber(current.product_views)} looks at products`,
    },
    {
      label: "Visits that end in a purchase",
      now: formatPercent(current.conversion, 2),
      before: formatPercent(previous.conversion, 2),
      change: changeOf(current.conversion, previous.conversion),
      also: `${plural(current.purchases, "purchase", "purchases")} of ${formatNumber(current.add_to_carts)} baskets begun`,
    },
    {
      label: "Revenue",
      now: formatMoneyShort(whole(current.revenue.minor)),
      before: formatMoneyShort(whole(previous.revenue.minor)),
      change: changeOf(current.revenue.minor, previous.revenue.minor),
      also: `${formatNumber(current.searches)} searches on the way`,
    },
  ];
  return (
    <div>
      <dl className="grid gap-8 @3xl:grid-cols-3 @3xl:gap-12">
        {numbers.map((number) => (
          <div className="border-t-2 border-ink pt-3" key={number.label}>
            <dt className="text-muted">{number.label}</dt>
            <dd className="display figures mt-1 text-3xl" data-testid="metrics-number">
              {number.now}
            </dd>
            <dd className="mt-1 flex flex-wrap gap-x-2">
              {number.change && (
                <span
                  className={cx(
                    "figures font-medium",
                    number.change.better === true && "text-moss-ink",
                    number.change.better === false && "text-brick-ink",
                  )}
                >
                  {number.change.text}
                </span>
              )}
              <span className="text-muted">
                {number.change
                  ? `from ${number.before} in the ${String(days)} days before`
                  : `Nothing counted in the ${String(days)} days before`}
              </span>
            </dd>
            <dd className="text-xs text-muted">{number.also}</dd>
          </div>
        ))}
      </dl>
      {overview.pending_count > 0 && (
        <p className="mt-4 text-xs text-muted">
          {plural(overview.pending_count, "event is", "events are")} still being counted.
        </p>
      )}
    </div>
  );
}
