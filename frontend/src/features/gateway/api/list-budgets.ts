import { queryOptions } from "@tanstack/react-query";
import type { Budgets } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const budgetsKey = ["gateway", "budgets"] as const;

export const budgetsQuery = queryOptions({
  queryKey: budgetsKey,
  queryFn: ({ signal }) => get<Budgets>(endpoints.gatewayBudgets, { signal }),
  refetchInterval: 30_000,
});
