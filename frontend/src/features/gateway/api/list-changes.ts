import { infiniteQueryOptions } from "@tanstack/react-query";
import type { Changes } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const changesKey = ["gateway", "changes"] as const;

/** Who changed what, newest first. */
export const changesQuery = infiniteQueryOptions({
  queryKey: changesKey,
  initialPageParam: "",
  queryFn: ({ pageParam, signal }) =>
    get<Changes>(endpoints.gatewayChanges, { signal, params: { page_token: pageParam || undefined } }),
  getNextPageParam: (page) => page.next_page_token || undefined,
});
