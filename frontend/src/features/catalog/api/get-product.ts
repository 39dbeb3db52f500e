import { queryOptions } from "@tanstack/react-query";
import type { Product } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const productQuery = (id: string) =>
  queryOptions({
    queryKey: ["product", id],
    queryFn: ({ signal }) => get<Product>(endpoints.product(id), { signal }),
  });
