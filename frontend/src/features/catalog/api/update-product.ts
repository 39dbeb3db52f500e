import type { Product, ProductPatch } from "@/api/types";
import { endpoints } from "@/config/paths";
import { patch } from "@/lib/http";

export type ProductChange = Omit<ProductPatch, "etag">;

/** With an etag the change is refused when somebody else was quicker. */
export const updateProduct = (id: string, change: ProductChange, etag?: string): Promise<Product> =>
  patch<Product>(endpoints.product(id), etag ? { ...change, etag } : change);
