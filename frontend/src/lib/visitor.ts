import { newId } from "@/lib/id";

const KEY = "lantern-loom.visitor";
let visit: string | undefined;
let fallback: string | undefined;

/** The id an anonymous shopper keeps on this device. */
export function visitorId(): string {
  try {
    const known = localStorage.getItem(KEY);
    if (known) return known;
    const made = newId();
    localStorage.setItem(KEY, made);
    return made;
  } catch {
    fallback ??= newId();
    return fallback;
  }
}

/** The id of this visit: it ends when the tab is closed. */
export function visitId(): string {
  visit ??= newId();
  return visit;
}
