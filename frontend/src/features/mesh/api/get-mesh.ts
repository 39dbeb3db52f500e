import { queryOptions } from "@tanstack/react-query";
import type { MeshStatus } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const meshKey = ["mesh"] as const;

/** Asked often: whoever looks here may be in the middle of a rollout. */
export const meshQuery = queryOptions({
  queryKey: meshKey,
  queryFn: ({ signal }) => get<MeshStatus>(endpoints.mesh, { signal }),
  refetchInterval: 5_000,
});
