import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Health } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

/** Asked often: whoever looks here may be in the middle of something. */
export const healthQuery = (minutes: number) =>
  queryOptions({
    queryKey: ["health", minutes],
    queryFn: ({ signal }) => get<Health>(endpoints.health, { signal, params: { minutes } }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
