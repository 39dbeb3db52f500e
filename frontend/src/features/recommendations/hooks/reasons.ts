import type { Shelf } from "@/api/types";

/**
 * Reasons worth reading: one that holds for the whole shelf only repeats its title and is left unsaid, and one
 * that several things share is said at the first of them.
 */
export function withoutEchoes(shelf: Shelf): Shelf {
  const reasons = shelf.items.map((item) => item.reason);
  const saysNothing = new Set(reasons).size === 1;
  const items = shelf.items.map((item, index) => {
    const isEcho = saysNothing || reasons.indexOf(item.reason) < index;
    return isEcho ? { ...item, reason: "" } : item;
  });
  return { ...shelf, items };
}
