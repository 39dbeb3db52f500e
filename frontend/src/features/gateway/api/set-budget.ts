import type { Budget, NewBudget } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { put } from "@/lib/http";

/** Takes the place of the one of the same subject and window. */
export const setBudget = (budget: NewBudget): Promise<Budget> =>
  put<Budget>(endpoints.gatewayBudgets, budget);
