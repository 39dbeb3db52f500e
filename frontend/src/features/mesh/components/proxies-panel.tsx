import { useId, useState } from "react";
import type { CurrentVersion, MeshStatus, Proxy, ResourceState } from "@/api/staff-types";
import { Icon } from "@/components/ui/icon";
import { EmptyNote } from "@/components/ui/notes";
import { ScrollRegion } from "@/components/ui/scroll-region";
import { CertificatesNote } from "@/features/mesh/components/certificates-note";
import { StateMark } from "@/features/mesh/components/state-mark";
import { shortVersion, typeLabel, VARIANTS, versionsFor, type Tone } from "@/features/mesh/hooks/mesh-values";
import { cx } from "@/lib/class-names";
import { formatMoment, formatNumber } from "@/lib/format";

/** Each connected proxy: what it runs on, and what it is to run on. */
export function ProxiesPanel({ status }: { status: MeshStatus }) {
  if (status.degraded.includes("CONTROL_PLANE")) {
    return (
      <EmptyNote title="Only the control plane knows">
        <p>
          It does not answer. Proxies go on with what they were sent last and come back to it by themselves.
        </p>
      </EmptyNote>
    );
  }
  return (
    <div className="space-y-12">
      {status.proxies.length === 0 ? (
        <EmptyNote title="No proxy is connected">
          <p>Start an Envoy whose bootstrap names the control plane, and it stands here.</p>
        </EmptyNote>
      ) : (
        <ul className="-mt-4">
          {status.proxies.map((proxy) => (
            <ProxyItem
              isAlone={status.proxies.length === 1}
              key={proxy.node_id}
              proxy={proxy}
              versions={versionsFor(proxy, status.versions)}
            />
          ))}
        </ul>
      )}
      <CertificatesNote status={status} />
    </div>
  );
}

function proxyState(proxy: Proxy): [Tone, string] {
  if (proxy.types.some((state) => state.refused_version)) return ["bad", "Refused a version"];
  return proxy.in_sync ? ["good", "In sync"] : ["unsure", "Behind"];
}

interface ProxyItemProps {
  proxy: Proxy;
  versions: CurrentVersion[];
  isAlone: boolean;
}

/** One of many is closed as long as nothing is wrong with it, so that what is wrong is seen at once. */
function ProxyItem({ proxy, versions, isAlone }: ProxyItemProps) {
  const [tone, words] = proxyState(proxy);
  const [chosen, setChosen] = useState<boolean | null>(null);
  const isOpen = chosen ?? (isAlone || tone !== "good");
  const id = useId();
  return (
    <li className="border-b border-line py-1">
      <div className="flex items-center justify-between gap-x-6">
        <h3 className="min-w-0 flex-1">
          <button
            aria-controls={id}
            aria-expanded={isOpen}
            className="flex w-full items-center gap-3 py-3 text-left font-semibold hover:text-ember-ink"
            onClick={() => setChosen(!isOpen)}
            type="button"
          >
            <Icon
              className={cx("shrink-0 transition-transform", !isOpen && "-rotate-90")}
              name="chevron"
              size={16}
            />
            <span className="wrap-anywhere">{proxy.node_id}</span>
          </button>
        </h3>
        <StateMark tone={tone}>{words}</StateMark>
      </div>
      <div className="pb-6" hidden={!isOpen} id={id}>
        <p className="figures mb-3 text-xs text-muted">
          {VARIANTS[proxy.variant]}
          {proxy.connect_time && (
            <span className="block @lg:inline @lg:before:content-['·_'] @lg:before:ml-1">
              Connected since {formatMoment(proxy.connect_time)}
            </span>
          )}
        </p>
        <TypeTable node={proxy.node_id} types={proxy.types} versions={versions} />
      </div>
    </li>
  );
}

const HEADS = ["Resources", "State", "Runs on", "Is to run on", "How many", "Accepted at"];

function TypeTable({
  node,
  types,
  versions,
}: {
  node: string;
  types: ResourceState[];
  versions: CurrentVersion[];
}) {
  return (
    <ScrollRegion label={`What ${node} runs on`}>
      <table className="w-full min-w-[720px] table-fixed border-collapse text-sm">
        <thead className="text-left text-xs text-muted">
          <tr className="border-b border-line-strong">
            {HEADS.map((head) => (
              <th
                className={cx("py-2 pr-6 font-medium", head === "State" && "w-[26%]")}
                key={head}
                scope="col"
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="figures">
          {types.map((state) => (
            <TypeRow
              current={versions.find((each) => each.type === state.type)?.version ?? ""}
              key={state.type}
              state={state}
            />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function typeState(state: ResourceState): [Tone, string] {
  if (state.refused_version) return ["bad", `Refused ${shortVersion(state.refused_version)}`];
  if (state.pending) return ["unsure", "Waiting for its answer"];
  return state.acknowledged_version ? ["good", "Accepted"] : ["unsure", "Nothing yet"];
}

function TypeRow({ state, current }: { state: ResourceState; current: string }) {
  const [tone, words] = typeState(state);
  return (
    <tr className="border-b border-line">
      <th className="py-2.5 pr-6 text-left font-medium" scope="row">
        {typeLabel(state.type)}
      </th>
      <td className="py-2.5 pr-6">
        <StateMark tone={tone}>{words}</StateMark>
      </td>
      <td className="py-2.5 pr-6">
        <Version version={state.acknowledged_version} />
      </td>
      <td className="py-2.5 pr-6">
        <Version version={current} />
      </td>
      <td className="py-2.5 pr-6">{formatNumber(state.resource_count)}</td>
      <td className="py-2.5 text-xs text-muted">
        {state.acknowledge_time ? formatMoment(state.acknowledge_time) : "–"}
      </td>
    </tr>
  );
}

function Version({ version }: { version: string }) {
  return version ? (
    <code className="font-mono text-xs" title={version}>
      {shortVersion(version)}
    </code>
  ) : (
    <span className="text-muted">–</span>
  );
}
