import { queryOptions } from "@tanstack/react-query";
import type { Placement, Recommendations } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

interface ShelfRequest {
  placement: Placement;
  productId?: string;
  basket?: string[];
  pageSize?: number;
}

export const shelvesQuery = ({ placement, productId, basket, pageSize = 8 }: ShelfRequest) =>
  queryOptions({
    queryKey: ["shelves", placement, productId ?? "", basket ?? [], pageSize],
    queryFn: ({ signal }) =>
      get<Recommendations>(endpoints.recommendations, {
        signal,
        params: { placement, product_id: productId, basket, page_size: pageSize },
      }),
    staleTime: 2 * 60_000,
  });
