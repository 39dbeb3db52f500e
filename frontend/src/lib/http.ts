import axios, { AxiosHeaders, type AxiosRequestConfig, type InternalAxiosRequestConfig } from "axios";
import type { Session } from "@/api/types";
import { env } from "@/config/env";
import { endpoints } from "@/config/paths";
import { toProblem } from "@/lib/problem";
import { useSession } from "@/lib/session";
import { visitorId } from "@/lib/visitor";

interface Attempt extends InternalAxiosRequestConfig {
  retried?: boolean;
}

const client = axios.create({
  baseURL: env.apiOrigin,
  timeout: 30_000,
  paramsSerializer: { indexes: null },
});

/** Headers that say who asks; shared by Axios, streaming fetches and the event batch. */
export function identityHeaders(): Record<string, string> {
  const token = useSession.getState().accessToken;
  return { "X-Visitor-Id": visitorId(), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
}

client.interceptors.request.use((request) => {
  request.headers = AxiosHeaders.from(request.headers).concat(identityHeaders());
  return request;
});

let refreshing: Promise<boolean> | null = null;

/** Trade the refresh token for a new session, once for however many calls are waiting. */
export function refreshSession(): Promise<boolean> {
  refreshing ??= tradeRefreshToken().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function tradeRefreshToken(): Promise<boolean> {
  const { refreshToken, signIn, signOut } = useSession.getState();
  if (!refreshToken) return false;
  try {
    const answer = await axios.post<Session>(env.apiOrigin + endpoints.refresh, {
      refresh_token: refreshToken,
    });
    signIn(answer.data);
    return true;
  } catch (error) {
    // An unreachable shop is no reason to sign anybody out; a refused token is.
    if (axios.isAxiosError(error) && error.response) signOut();
    return false;
  }
}

client.interceptors.response.use(undefined, async (error: unknown) => {
  if (axios.isAxiosError(error) && error.response?.status === 401 && error.config) {
    const attempt = error.config as Attempt;
    const isSignIn = attempt.url?.startsWith(endpoints.login) ?? false;
    if (!attempt.retried && !isSignIn && (await refreshSession())) {
      attempt.retried = true;
      return client.request(attempt);
    }
  }
  throw toProblem(error);
});

export async function get<T>(url: string, config?: AxiosRequestConfig): Promise<T> {
  return (await client.get<T>(url, config)).data;
}

export async function post<T>(url: string, body?: unknown, config?: AxiosRequestConfig): Promise<T> {
  return (await client.post<T>(url, body, config)).data;
}

export async function patch<T>(url: string, body: unknown): Promise<T> {
  return (await client.patch<T>(url, body)).data;
}

export async function put<T>(url: string, body: unknown): Promise<T> {
  return (await client.put<T>(url, body)).data;
}

/** Reaches the shop also when the page is being left. */
export async function remove(url: string): Promise<void> {
  await client.delete(url, { adapter: "fetch", fetchOptions: { keepalive: true } });
}
