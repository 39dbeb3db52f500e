import type { Product } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export interface Restored {
  found: { product: Product; quantity: number }[];
  missing: string[];
}

/** Look up what a saved link names; what is no longer sold is said, not hidden. */
export async function restoreBasket(entries: { productId: string; quantity: number }[]): Promise<Restored> {
  const answers = await Promise.allSettled(
    entries.map((entry) => get<Product>(endpoints.product(entry.productId))),
  );
  const restored: Restored = { found: [], missing: [] };
  answers.forEach((answer, index) => {
    const entry = entries[index];
    if (!entry) return;
    if (answer.status === "fulfilled")
      restored.found.push({ product: answer.value, quantity: entry.quantity });
    else restored.missing.push(entry.productId);
  });
  return restored;
}
