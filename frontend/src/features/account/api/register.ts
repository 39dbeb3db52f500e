import type { Session } from "@/api/types";
import { endpoints } from "@/config/paths";
import { post } from "@/lib/http";

export const register = (input: { email: string; password: string; name: string }): Promise<Session> =>
  post<Session>(endpoints.register, input);
