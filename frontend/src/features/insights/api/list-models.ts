import { queryOptions } from "@tanstack/react-query";
import type { Models } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: async ({ signal }) => (await get<Models>(endpoints.models, { signal })).models,
  refetchInterval: 30_000,
});
