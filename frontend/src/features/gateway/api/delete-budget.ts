import { endpoints } from "@/config/paths";
import { remove } from "@/lib/http";

export const deleteBudget = (id: string): Promise<void> => remove(endpoints.gatewayBudget(id));
