import { endpoints } from "@/config/paths";
import { remove } from "@/lib/http";

export const revokeKey = (id: string): Promise<void> => remove(endpoints.gatewayKey(id));
