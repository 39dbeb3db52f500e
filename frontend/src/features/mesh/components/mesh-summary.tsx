import type { ReactNode } from "react";
import type { MeshStatus } from "@/api/staff-types";
import { refusalsOf } from "@/features/mesh/hooks/mesh-values";
import { cx } from "@/lib/class-names";
import { formatMoment, formatNumber } from "@/lib/format";

/** The three numbers that say whether anything has to be done. */
export function MeshSummary({ status }: { status: MeshStatus }) {
  const replicas = status.services.flatMap((service) => service.replicas);
  // Of some nobody tells: they are not counted as if they did not answer.
  const told = replicas.filter(({ answers }) => answers === true || answers === false);
  const answering = told.filter((replica) => replica.answers).length;
  const untold = replicas.length - told.length;
  const inSync = status.proxies.filter((proxy) => proxy.in_sync).length;
  const refusals = refusalsOf(status).length;
  const isBlind = status.degraded.includes("CONTROL_PLANE");
  return (
    <dl className="figures grid grid-cols-3 gap-x-4 gap-y-4 @3xl:flex @3xl:gap-x-16">
      <Figure
        isBad={answering < told.length}
        label={
          told.length > 0 && untold > 0
            ? `Replicas that answer, ${formatNumber(untold)} not known`
            : "Replicas that answer"
        }
      >
        {told.length > 0 ? <Of all={told.length} some={answering} /> : "–"}
      </Figure>
      <Figure isBad={inSync < status.proxies.length} label="Proxies in sync">
        {isBlind ? "–" : <Of all={status.proxies.length} some={inSync} />}
      </Figure>
      <Figure isBad={refusals > 0} label="Refused by proxies">
        {isBlind ? "–" : formatNumber(refusals)}
      </Figure>
      {status.publish_time && (
        <div className="col-span-3 self-end @3xl:ml-auto">
          <dt className="inline text-xs text-muted">Current state published </dt>
          <dd className="inline text-xs">{formatMoment(status.publish_time)}</dd>
        </div>
      )}
    </dl>
  );
}

function Figure({ label, isBad, children }: { label: string; isBad: boolean; children: ReactNode }) {
  return (
    <div className="flex flex-col-reverse justify-end">
      <dt className="text-xs text-muted">{label}</dt>
      <dd className={cx("display text-2xl", isBad && "text-brick-ink")}>{children}</dd>
    </div>
  );
}

function Of({ some, all }: { some: number; all: number }) {
  return (
    <>
      {formatNumber(some)} <span className="text-base text-muted">of {formatNumber(all)}</span>
    </>
  );
}
