import { queryOptions } from "@tanstack/react-query";
import type { ExternalIssuers } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const issuersQuery = queryOptions({
  queryKey: ["issuers"],
  queryFn: async ({ signal }) => (await get<ExternalIssuers>(endpoints.issuers, { signal })).issuers,
  staleTime: 10 * 60_000,
});
