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

/** Says to the shop that a page of its own asks: a form of another site cannot send a header. */
const FROM_OUR_PAGE = { headers: { "X-Session": "cookie" } };
const SESSION_LOCK = "lantern-loom.session";

/** Headers that say who asks; shared by Axios, streaming fetches and the event batch. */
export async function identityHeaders(): Promise<Record<string, string>> {
  const token = await accessToken();
  return { "X-Visitor-Id": visitorId(), ...(token ? { Authorization: `Bearer ${token}` } : {}) };
}

/** The token of whoever is signed in. A page that was just loaded has to fetch it first. */
export async function accessToken(): Promise<string | null> {
  const { user, accessToken: known } = useSession.getState();
  if (!user || known) return known;
  await refreshSession();
  return useSession.getState().accessToken;
}

client.interceptors.request.use(async (request) => {
  request.headers = AxiosHeaders.from(request.headers).concat(await identityHeaders());
  return request;
});

let refreshing: Promise<boolean> | null = null;

/** Have the cookie traded for a new session, once for however many calls are waiting. */
export function refreshSession(): Promise<boolean> {
  refreshing ??= oneTabAtATime(trade).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/** All tabs share the cookie. Where the browser has no locks, the shop answers tabs that ask at once alike. */
async function oneTabAtATime<T>(run: () => Promise<T>): Promise<T> {
  const locks = (navigator as Partial<Navigator>).locks;
  return locks ? await locks.request(SESSION_LOCK, run) : run();
}

async function trade(): Promise<boolean> {
  const { signIn, signOut } = useSession.getState();
  try {
    signIn((await axios.post<Session>(env.apiOrigin + endpoints.refresh, {}, FROM_OUR_PAGE)).data);
    return true;
  } catch (error) {
    // A shop that is away or busy is no reason to sign anybody out; a refused cookie is.
    if (axios.isAxiosError(error) && error.response?.status === 401) signOut();
    return false;
  }
}

/** Sign out here, and have the shop forget the session; a shop that is away forgets it when it has ended. */
export function endSession(): void {
  useSession.getState().signOut();
  void oneTabAtATime(() => axios.post(env.apiOrigin + endpoints.logout, {}, FROM_OUR_PAGE)).catch(
    () => undefined,
  );
}

client.interceptors.response.use(undefined, async (error: unknown) => {
  if (
    axios.isAxiosError(error) &&
    error.response?.status === 401 &&
    error.config &&
    useSession.getState().user
  ) {
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
