import type { Span } from "@/api/staff-types";

/** A span and what it caused. */
export interface Branch {
  span: Span;
  depth: number;
  children: Branch[];
}

/** Spans as a tree, earliest first; one whose parent has not arrived stands at the top. */
export function branchesOf(spans: Span[]): Branch[] {
  const known = new Set(spans.map((span) => span.span_id));
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    const parent = known.has(span.parent_span_id) ? span.parent_span_id : "";
    const siblings = children.get(parent);
    if (siblings) siblings.push(span);
    else children.set(parent, [span]);
  }
  const visited = new Set<string>();
  const grow = (parent: string, depth: number): Branch[] =>
    (children.get(parent) ?? []).flatMap((span) => {
      if (visited.has(span.span_id)) return [];
      visited.add(span.span_id);
      return [{ span, depth, children: grow(span.span_id, depth + 1) }];
    });
  return grow("", 0);
}

const COLOURS = 8;
const PROXY = "-proxy";

/** A colour for each service, the same on all rows of a trace; the proxy beside a service has that service's. */
export function coloursOf(services: string[]): Map<string, string> {
  const owners = [...new Set(services.map(ownerOf))];
  return new Map(
    services.map((service) => [
      service,
      `var(--service-${(owners.indexOf(ownerOf(service)) % COLOURS) + 1})`,
    ]),
  );
}

const ownerOf = (service: string) => (isProxy(service) ? service.slice(0, -PROXY.length) : service);

/** Whether a span was told by the proxy beside a service. */
export const isProxy = (service: string): boolean => service.endsWith(PROXY);

/** Who took part; that a proxy stands beside each goes without saying. */
export const servicesInWords = (services: string[]): string =>
  services.filter((service) => !isProxy(service) || !services.includes(ownerOf(service))).join(", ");

/** The part of an operation that tells it from others: a method without its package. */
export function shortOperation(operation: string): string {
  const aside = /^async (?:\S+\.)?([^.\s]+)\.([^.\s]+) egress$/.exec(operation);
  if (aside) return `${aside[1] ?? ""}/${aside[2] ?? ""}`;
  const [path = "", method] = operation.replace(/^\//, "").split("/");
  return method && path.includes(".") ? `${path.split(".").at(-1) ?? path}/${method}` : operation;
}

/** What a span did, and with what of which database where it asked one. */
export function titleOf({ operation, attributes }: Span): string {
  const database = attributes["db.system"] ?? attributes["db.system.name"];
  const title = shortOperation(operation);
  if (!database) return title;
  const asked = attributes["db.collection.name"] ?? tableOf(attributes["db.statement"] ?? "");
  return [title.startsWith(database) ? "" : database, title, asked].filter(Boolean).join(" ");
}

/** The table a statement is about, to tell one SELECT from the next. */
function tableOf(statement: string): string {
  return /\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?"?([a-z_][\w.]*)/i.exec(statement)?.[1] ?? "";
}

/** "0 ms", "4.5 ms", "120 ms", "1.20 s", "12 s". */
export function formatMs(ms: number): string {
  if (ms >= 9995) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 999.5) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 9.95 || ms <= 0 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}
