import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Report } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export type ReportName = "daily" | "top-products" | "top-searches" | "empty-searches" | "funnel";

export const reportQuery = (name: ReportName, days: number, limit = 10) =>
  queryOptions({
    queryKey: ["report", name, days, limit],
    queryFn: ({ signal }) => get<Report>(endpoints.report(name), { signal, params: { days, limit } }),
    placeholderData: keepPreviousData,
  });
