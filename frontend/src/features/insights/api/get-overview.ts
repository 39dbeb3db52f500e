import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Overview } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const overviewQuery = (days: number) =>
  queryOptions({
    queryKey: ["overview", days],
    queryFn: ({ signal }) => get<Overview>(endpoints.overview, { signal, params: { days } }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
