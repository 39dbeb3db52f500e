import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { ApiKeys } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

const MOST = 200;

export const keysKey = ["gateway", "keys"] as const;

/** Newest first, revoked ones included. */
export const keysQuery = infiniteQueryOptions({
  queryKey: [...keysKey, "pages"],
  initialPageParam: "",
  queryFn: ({ pageParam, signal }) =>
    get<ApiKeys>(endpoints.gatewayKeys, { signal, params: { page_token: pageParam || undefined } }),
  getNextPageParam: (page) => page.next_page_token || undefined,
});

/** The newest keys, for whoever has only their ids. */
export const newestKeysQuery = queryOptions({
  queryKey: [...keysKey, "newest"],
  queryFn: async ({ signal }) =>
    (await get<ApiKeys>(endpoints.gatewayKeys, { signal, params: { page_size: MOST } })).keys,
});
