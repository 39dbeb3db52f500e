import type { Delivery, MeshService, Replica } from "@/api/staff-types";
import { EmptyNote } from "@/components/ui/notes";
import { ShareBar } from "@/features/mesh/components/share-bar";
import { StateMark } from "@/features/mesh/components/state-mark";
import {
  byVersion,
  deliveryWords,
  replicasInWords,
  replicaState,
  sharesOf,
} from "@/features/mesh/hooks/mesh-values";

interface ServicesPanelProps {
  services: MeshService[];
  /** Not there while nobody tells; then all that is known of a service is its replicas. */
  delivery: Delivery | null | undefined;
}

/** Each service with its replicas, and which version gets how much of the calls. */
export function ServicesPanel({ services, delivery }: ServicesPanelProps) {
  if (services.length === 0) {
    return (
      <EmptyNote title="No service is registered">
        <p>As soon as one is in the registry, it stands here with its replicas.</p>
      </EmptyNote>
    );
  }
  return (
    <ul className="-mt-4">
      {services.map((service) => (
        <ServiceRow delivery={delivery} key={service.name} service={service} />
      ))}
    </ul>
  );
}

function ServiceRow({ service, delivery }: { service: MeshService; delivery: Delivery | null | undefined }) {
  const own = delivery?.services.find((each) => each.service === service.name);
  const prefix = `${service.name}: `;
  const missing = (delivery?.problems ?? []).filter((problem) => problem.startsWith(prefix));
  const words = deliveryWords(own);
  return (
    <li className="grid gap-x-10 gap-y-3 border-b border-line py-4 @3xl:grid-cols-[10rem_minmax(0,1fr)_minmax(0,1fr)]">
      <div className="flex items-baseline justify-between gap-3 @3xl:block">
        <h3 className="font-medium wrap-anywhere">{service.name}</h3>
        <p className="text-xs text-muted">{replicasInWords(service.replicas)}</p>
      </div>
      <div className="@3xl:pt-2.5">
        {delivery && <ShareBar shares={sharesOf(service, own)} />}
        {words.length + missing.length > 0 && (
          <ul className="mt-2 space-y-1 text-xs wrap-anywhere">
            {words.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
            {missing.map((problem) => (
              <li className="text-brick-ink" key={problem}>
                Waiting: {problem.slice(prefix.length)}
              </li>
            ))}
          </ul>
        )}
      </div>
      <Replicas replicas={service.replicas} />
    </li>
  );
}

function Replicas({ replicas }: { replicas: Replica[] }) {
  if (replicas.length === 0) return <p className="text-xs text-brick-ink">No replica: calls fail.</p>;
  return (
    <div>
      {!replicas.some(takesCalls) && (
        <p className="mb-1.5 text-xs text-brick-ink">No replica is ready: calls are likely to fail.</p>
      )}
      <ReplicaList replicas={replicas} />
    </div>
  );
}

const takesCalls = ({ registered }: Replica) => registered === "healthy" || registered === "unknown";

function ReplicaList({ replicas }: { replicas: Replica[] }) {
  return (
    <ul aria-label="Replicas" className="figures space-y-1.5">
      {[...replicas].sort(byVersion).map((replica) => {
        const [tone, words] = replicaState(replica);
        return (
          <li
            className="grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-4 @lg:grid-cols-[minmax(0,1.3fr)_minmax(0,1fr)_7.5rem]"
            key={`${replica.version} ${replica.address}`}
          >
            <span className="wrap-anywhere">{replica.address}</span>
            <span className="order-3 col-span-2 text-xs text-muted @lg:order-none @lg:col-span-1">
              {replica.version}
              {replica.zone && ` in ${replica.zone}`}
            </span>
            <StateMark tone={tone}>{words}</StateMark>
          </li>
        );
      })}
    </ul>
  );
}
