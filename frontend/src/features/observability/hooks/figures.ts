import type { Figure, Health, Operation } from "@/api/staff-types";
import { formatMs } from "@/features/observability/hooks/span-tree";
import { formatCompact, formatMicros, formatNumber } from "@/lib/format";

/** What is shown together. */
const GROUPS: [title: string, metrics: string[]][] = [
  [
    "Queues",
    ["aisle.events.waiting", "aisle.events.oldest_age", "aisle.llm.usage.spool.size", "aisle.llm.usage.lost"],
  ],
  ["Mesh", ["aisle.mesh.proxies", "aisle.mesh.acknowledge.duration", "aisle.mesh.refused_configurations"]],
  [
    "Calls to models",
    [
      "gen_ai.client.token.usage",
      "aisle.llm.cost",
      "aisle.llm.saved",
      "aisle.llm.calls",
      "aisle.llm.breaker.open",
      "aisle.llm.turned_away",
      "aisle.llm.budget.refusals",
    ],
  ],
  ["Limits and steps left out", ["aisle.limits.decisions", "aisle.degraded"]],
  ["Connections to PostgreSQL", ["db.client.connections.usage"]],
];

export interface FigureGroup {
  title: string;
  lines: Figure[];
}

/** Figures by what they tell about, each group in an order that stays. */
export function figureGroupsOf(figures: Figure[]): FigureGroup[] {
  const groups = GROUPS.map(([title, metrics]) => ({
    title,
    lines: metrics.flatMap((metric) =>
      figures
        .filter((one) => one.metric === metric)
        .sort((a, b) => labelOfFigure(a).localeCompare(labelOfFigure(b), "en")),
    ),
  }));
  return groups.filter(({ lines }) => lines.length > 0);
}

const NAMES: Record<string, string> = {
  "aisle.events.waiting": "Events not dealt with",
  "aisle.events.oldest_age": "Oldest of them",
  "aisle.llm.usage.spool.size": "Usage records on disk",
  "aisle.llm.usage.lost": "Usage records lost",
  "aisle.mesh.proxies": "Proxies",
  "aisle.mesh.acknowledge.duration": "Time to take a configuration, 99 % below",
  "aisle.mesh.refused_configurations": "Configurations refused",
  "gen_ai.client.token.usage": "Tokens",
  "aisle.llm.cost": "Spent",
  "aisle.llm.saved": "Saved by the cache",
  "aisle.llm.calls": "Calls",
  "aisle.llm.breaker.open": "Not asked at the moment",
  "aisle.llm.turned_away": "Turned away",
  "aisle.llm.budget.refusals": "Refused by budgets",
  "aisle.limits.decisions": "Limits",
  "aisle.degraded": "Step left out",
  "db.client.connections.usage": "Connections",
};

const WORDS: Record<string, string> = { in_sync: "in sync" };

/** Over how many minutes figures were summed up. */
export function minutesIn({ routes, methods, models, step_seconds: seconds }: Health): number {
  const steps = Math.max(...[...routes, ...methods, ...models].map((one) => one.counts.length), 1);
  return Math.max((steps * seconds) / 60, 1 / 60);
}

/** The part of the shop's own interface that is asked most: pages and files say little about how it does. */
export const busiestOf = ({ routes }: Health): Operation | undefined =>
  routes.find(({ name }) => name.startsWith("/api/"));

/** How often a minute: "0.1", "12.0", and whole above a hundred. */
export function formatRate(perMinute: number): string {
  if (perMinute > 0 && perMinute < 0.1) return "< 0.1";
  return perMinute < 100 ? perMinute.toFixed(1) : formatNumber(Math.round(perMinute));
}

export function labelOfFigure(one: Figure): string {
  const told = Object.values(one.attributes)
    .filter(Boolean)
    .map((value) => WORDS[value] ?? value);
  return [NAMES[one.metric] ?? one.metric, ...told].join(" · ");
}

export function valueOfFigure(one: Figure): string {
  switch (one.metric) {
    case "aisle.llm.cost":
    case "aisle.llm.saved":
      return formatMicros(one.value);
    case "aisle.mesh.acknowledge.duration":
      return formatMs(one.highest * 1000);
    case "aisle.events.oldest_age":
      return formatMs(one.value * 1000);
    case "aisle.llm.usage.spool.size":
      return `${formatCompact(one.value)} B`;
    default:
      return formatNumber(Math.round(one.value * 100) / 100);
  }
}
