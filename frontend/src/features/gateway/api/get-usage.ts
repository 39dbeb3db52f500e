import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { UsageBy, UsageReport } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

/** A report and what its rows are grouped by: the one before stays on the page until the next is here. */
export interface GroupedUsage {
  by: UsageBy;
  report: UsageReport;
}

export const usageQuery = (days: number, by: UsageBy) =>
  queryOptions({
    queryKey: ["gateway", "usage", days, by],
    queryFn: async ({ signal }): Promise<GroupedUsage> => ({
      by,
      report: await get<UsageReport>(endpoints.gatewayUsage, { signal, params: { days, by } }),
    }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
