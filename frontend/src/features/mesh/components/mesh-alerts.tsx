import type { MeshStatus } from "@/api/staff-types";
import { DegradedNote } from "@/components/ui/notes";
import { refusalsOf, shortVersion, typeLabel, type Refusal } from "@/features/mesh/hooks/mesh-values";
import { formatMoment } from "@/lib/format";

/** What needs somebody: refusals in Envoy's own words, and states that were not published. */
export function MeshAlerts({ status }: { status: MeshStatus }) {
  const refusals = refusalsOf(status);
  return (
    <div className="space-y-4 empty:hidden">
      {status.degraded.includes("CONTROL_PLANE") && (
        <DegradedNote>
          The control plane does not answer. Proxies go on with what they have; this is what Envoy says of the
          replicas behind it.
        </DegradedNote>
      )}
      {status.degraded.includes("ENVOY") && (
        <DegradedNote>Envoy does not say right now which replicas answer.</DegradedNote>
      )}
      {refusals.map((refusal) => (
        <RefusalNote key={`${refusal.proxy.node_id} ${refusal.state.type}`} {...refusal} />
      ))}
      {status.problems.length > 0 && (
        <section className="rounded-md bg-brick-wash p-4 @3xl:p-6">
          <h2 className="font-semibold">A newer state was not published</h2>
          <p className="mt-1 text-muted">The last good one stays until this is put right.</p>
          <ul className="mt-3 list-disc space-y-1 pl-5 text-sm wrap-anywhere">
            {status.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </section>
      )}
      {status.source_problems.length > 0 && (
        <section className="rounded-md border border-line-strong p-4 @3xl:p-6">
          <h2 className="font-semibold">Not all that is registered is used</h2>
          <p className="mt-1 text-muted">The rest goes on; what cannot be read stays as it was known last.</p>
          <ul className="mt-3 list-disc space-y-1 pl-5 text-sm wrap-anywhere">
            {status.source_problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function RefusalNote({ proxy, state }: Refusal) {
  const held = state.refused_resources;
  return (
    <section className="rounded-md bg-brick-wash p-4 @3xl:p-6">
      <h2 className="font-semibold wrap-anywhere">
        {proxy.node_id} refused its {typeLabel(state.type).toLowerCase()}
      </h2>
      <p className="figures text-xs text-muted">
        Version {shortVersion(state.refused_version)}
        {state.refuse_time && `, ${formatMoment(state.refuse_time)}`}
      </p>
      <pre className="mt-3 rounded-sm bg-surface px-3 py-2 font-mono text-xs whitespace-pre-wrap wrap-anywhere text-brick-ink">
        {state.refusal_reason || "Envoy gave no reason."}
      </pre>
      <p className="mt-3 text-sm wrap-anywhere">
        {state.acknowledged_version
          ? `It goes on with version ${shortVersion(state.acknowledged_version)}.`
          : "It has nothing older to go on with."}
        {held.length > 0 && ` Held at their last good version: ${held.join(", ")}.`}
      </p>
    </section>
  );
}
