import type { Session } from "@/api/types";
import { endpoints } from "@/config/paths";
import { post } from "@/lib/http";

export const signIn = (input: { email: string; password: string }): Promise<Session> =>
  post<Session>(endpoints.login, input);
