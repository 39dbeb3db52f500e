import type { ReactNode } from "react";
import type { Health } from "@/api/staff-types";
import { busiestOf, formatRate } from "@/features/observability/hooks/figures";
import { formatMs } from "@/features/observability/hooks/span-tree";
import { cx } from "@/lib/class-names";
import { formatNumber, formatPercent } from "@/lib/format";

/** The numbers that say whether anything has to be done. */
export function HealthSummary({ health, minutes }: { health: Health; minutes: number }) {
  const requests = sum(health.routes.map((one) => one.count));
  const failed = sum(health.routes.map((one) => one.errors));
  const busiest = busiestOf(health);
  const lag = Math.max(0, ...figures(health, "aisle.events.oldest_age"));
  const behind = sum(
    health.figures
      .filter((one) => one.metric === "aisle.mesh.proxies" && one.attributes["aisle.mesh.state"] === "behind")
      .map((one) => one.value),
  );
  return (
    <dl className="figures grid grid-cols-2 gap-x-4 gap-y-4 @3xl:flex @3xl:gap-x-16">
      <Number label="Requests a minute">{formatRate(requests / minutes)}</Number>
      <Number isBad={failed > 0} label="Requests failed">
        {requests ? formatPercent(failed / requests) : "–"}
      </Number>
      <Number label={busiest ? `95 % of ${busiest.name} below` : "95 % of the most asked below"}>
        {busiest ? formatMs(busiest.p95_ms) : "–"}
      </Number>
      <Number isBad={lag > 60} label="Oldest event waiting">
        {formatMs(lag * 1000)}
      </Number>
      <Number isBad={behind > 0} label="Proxies behind">
        {formatNumber(behind)}
      </Number>
    </dl>
  );
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

const figures = (health: Health, metric: string) =>
  health.figures.filter((one) => one.metric === metric).map((one) => one.value);

function Number({ label, isBad = false, children }: { label: string; isBad?: boolean; children: ReactNode }) {
  return (
    <div className="flex flex-col-reverse justify-end">
      <dt className="text-xs wrap-anywhere text-muted">{label}</dt>
      <dd className={cx("display text-2xl", isBad && "text-brick-ink")}>{children}</dd>
    </div>
  );
}
