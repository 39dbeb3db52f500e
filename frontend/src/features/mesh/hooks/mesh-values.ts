import type {
  CurrentVersion,
  MeshService,
  MeshStatus,
  Proxy,
  Replica,
  ResourceState,
  ServiceDelivery,
} from "@/api/staff-types";
import { formatMoment, formatNumber, formatPercent, plural } from "@/lib/format";

export const STABLE = "stable";

export interface Share {
  version: string;
  /** Of the calls no rule sends elsewhere, between 0 and 1. */
  share: number;
}

/** What each version gets. One without a replica gets nothing, and with no weights all goes to the stable one. */
export function sharesOf(service: MeshService, delivery: ServiceDelivery | undefined): Share[] {
  const present = new Set([STABLE, ...service.replicas.map((replica) => replica.version)]);
  const weights = (delivery?.weights ?? []).filter(
    ({ version, weight }) => weight > 0 && present.has(version),
  );
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  const shares = total
    ? weights.map(({ version, weight }) => ({ version, share: weight / total }))
    : [{ version: STABLE, share: 1 }];
  const idle = [...present].filter((version) => !shares.some((each) => each.version === version));
  const isThere = (version: string) => service.replicas.some((replica) => replica.version === version);
  return [...shares, ...idle.filter(isThere).map((version) => ({ version, share: 0 }))].sort(byVersion);
}

/** The stable one first, the rest by name. */
export function byVersion(a: { version: string }, b: { version: string }): number {
  if (a.version === b.version) return 0;
  if (a.version === STABLE) return -1;
  return b.version === STABLE ? 1 : a.version.localeCompare(b.version, "en");
}

/** "5%", and "0.25%" where a whole number would say nothing. */
export function formatShare(share: number): string {
  const percent = share * 100;
  return formatPercent(share, Number.isInteger(Math.round(percent * 1000) / 1000) ? 0 : percent < 1 ? 2 : 1);
}

/** What is done to the calls of a service beside the shares, a sentence each. */
export function deliveryWords(delivery: ServiceDelivery | undefined): string[] {
  if (!delivery) return [];
  const { rules, shadow_version: shadow, shadow_percent: percent, fault, max_calls: most } = delivery;
  return [
    ...rules.map(ruleWords),
    ...(shadow ? [`${formatShare(percent / 100)} of calls without effects are copied to ${shadow}`] : []),
    ...(fault ? [`On purpose, ${fault.replaceAll(" %", "%")}`] : []),
    ...(most ? [`At most ${formatNumber(most)} calls at once for each version`] : []),
  ];
}

function ruleWords(rule: string): string {
  const [, header, value, version] = /^([^=]+)=(.*) -> (\S+)$/.exec(rule) ?? [];
  return header && version ? `Calls with ${header}: ${value ?? ""} go to ${version}` : rule;
}

export type Tone = "good" | "bad" | "unsure";

/** Whether a replica answers is Envoy's to say; that it comes or goes, its registration's, and nothing is wrong then. */
export function replicaState({ answers, registered }: Replica): [tone: Tone, words: string] {
  if (registered === "draining") return ["unsure", "Leaving"];
  if (registered === "unhealthy") return ["unsure", "Not ready"];
  if (answers === false) return ["bad", "Not answering"];
  return answers ? ["good", "Answers"] : ["unsure", "Not known"];
}

const CONTROL_PLANE = "control-plane";

/** Whether a proxy has proved whose it is. One beside the control plane does not call it from afar. */
export function certificateState({ certificate, workload }: Proxy, now: Date): [tone: Tone, words: string] {
  if (!certificate) {
    return workload === CONTROL_PLANE
      ? ["unsure", "Needs none beside the control plane"]
      : ["bad", "Showed none"];
  }
  const end = formatMoment(certificate.expire_time);
  return new Date(certificate.expire_time) > now ? ["good", `Until ${end}`] : ["bad", `Ended ${end}`];
}

/** How many there are of a service, and in how many places. */
export function replicasInWords(replicas: Replica[]): string {
  const zones = new Set(replicas.map(({ zone }) => zone).filter(Boolean));
  const words = plural(replicas.length, "replica", "replicas");
  return zones.size > 0 ? `${words} in ${plural(zones.size, "zone", "zones")}` : words;
}

export const VARIANTS: Record<Proxy["variant"], string> = {
  delta: "Delta: it is sent what changed",
  state_of_the_world: "State of the world: it is sent everything each time",
  unknown: "Protocol not known",
};

const TYPES: Record<string, string> = {
  Cluster: "Clusters",
  ClusterLoadAssignment: "Endpoints",
  Secret: "Certificates",
  Listener: "Listeners",
  RouteConfiguration: "Routes",
};

export const typeLabel = (type: string): string => TYPES[type] ?? type;

/** What a proxy is to run on: what is its workload's, or what is everybody's. */
export function versionsFor(proxy: Proxy, versions: CurrentVersion[]): CurrentVersion[] {
  const own = versions.filter(({ workload }) => workload === proxy.workload);
  return own.length > 0 ? own : versions.filter(({ workload }) => !workload);
}

/** Enough of a hash to tell two apart. */
export const shortVersion = (version: string): string => version.slice(0, 8);

export interface Refusal {
  proxy: Proxy;
  state: ResourceState;
}

export const refusalsOf = ({ proxies }: MeshStatus): Refusal[] =>
  proxies.flatMap((proxy) =>
    proxy.types.filter((state) => state.refused_version).map((state) => ({ proxy, state })),
  );

const SUBJECTS: Record<string, string> = {
  weights: "Shares",
  rules: "Rules",
  shadow: "Copies",
  fault: "Fault on purpose",
  max_calls: "Calls at once",
};

/** What a part of the delivery file is about, in the page's words. */
export const subjectOf = (field: string): string => SUBJECTS[field] ?? field;
