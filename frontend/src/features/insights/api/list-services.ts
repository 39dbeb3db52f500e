import { queryOptions } from "@tanstack/react-query";
import type { Mesh } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

/** The edge may not offer this; then there is nothing to show, which is no fault. */
export const servicesQuery = queryOptions({
  queryKey: ["mesh"],
  queryFn: async ({ signal }) => (await get<Mesh>(endpoints.mesh, { signal })).services,
  refetchInterval: 30_000,
  retry: false,
});
