import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import type { ProductPage } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";
import { filterParams, type Filters } from "@/features/catalog/hooks/filters";

const PAGE_SIZE = 24;

/** Pages of a list or, when there is a query, of a search. What was shown stays until the next answer is here. */
export const productPagesQuery = (filters: Filters, query: string) =>
  infiniteQueryOptions({
    queryKey: ["products", query, filters],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      get<ProductPage>(query ? endpoints.search : endpoints.products, {
        signal,
        params: {
          ...filterParams(filters),
          q: query || undefined,
          page_size: PAGE_SIZE,
          page_token: pageParam || undefined,
        },
      }),
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
  });
