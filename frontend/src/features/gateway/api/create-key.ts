import type { MadeApiKey, NewApiKey } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { post } from "@/lib/http";

/** The secret is in this answer and nowhere else. */
export const createKey = (key: NewApiKey): Promise<MadeApiKey> =>
  post<MadeApiKey>(endpoints.gatewayKeys, key);
