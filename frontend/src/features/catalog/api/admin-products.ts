import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import type { ProductPage, ProductState } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

const PAGE_SIZE = 50;

export interface AdminFilter {
  query: string;
  /** "all" or one of them: without a word about it the shop answers with what is on sale. */
  state: ProductState | "all";
  category: string;
}

export const adminProductsKey = (filter: AdminFilter) => ["admin-products", filter] as const;

/** What staff see: drafts and archived things too. */
export const adminProductsQuery = (filter: AdminFilter) =>
  infiniteQueryOptions({
    queryKey: adminProductsKey(filter),
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      get<ProductPage>(filter.query ? endpoints.search : endpoints.products, {
        signal,
        params: {
          q: filter.query || undefined,
          state: filter.state,
          category: filter.category || undefined,
          page_size: PAGE_SIZE,
          page_token: pageParam || undefined,
        },
      }),
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
  });
