import type { Product, ProductInput } from "@/api/types";
import { endpoints } from "@/config/paths";
import { post } from "@/lib/http";

/** The key makes a repeated press the same product rather than a second one. */
export const createProduct = (input: ProductInput, idempotencyKey: string): Promise<Product> =>
  post<Product>(endpoints.products, input, { headers: { "Idempotency-Key": idempotencyKey } });
