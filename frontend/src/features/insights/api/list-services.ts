import { queryOptions } from "@tanstack/react-query";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export interface MeshService {
  name: string;
  address: string;
  healthy: boolean;
}

/** The edge may not offer this; then there is nothing to show, which is no fault. */
export const servicesQuery = queryOptions({
  queryKey: ["mesh"],
  queryFn: async ({ signal }) =>
    (await get<{ services: MeshService[] }>(endpoints.mesh, { signal })).services,
  refetchInterval: 30_000,
  retry: false,
});
