import axios, { AxiosError, type AxiosResponse } from "axios";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { accessToken, endSession, identityHeaders, refreshSession } from "@/lib/http";
import { followOtherTabs, useSession } from "@/lib/session";

const KEY = "lantern-loom.session";
const USER = { id: "maya", email: "maya@example.org", name: "Maya", role: "shopper" } as const;
const SESSION = { access_token: "token-2", refresh_token: null, expires_in: 900, user: USER };

const refused = (status: number) =>
  new AxiosError("no", undefined, undefined, undefined, { status } as AxiosResponse);

beforeEach(() => useSession.setState({ user: null, accessToken: null }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test("no token is kept where a script could find it later", () => {
  useSession.getState().signIn(SESSION);
  expect(useSession.getState().accessToken).toBe("token-2");
  expect(JSON.stringify(localStorage)).not.toContain("token-2");
  expect(localStorage.getItem(KEY)).toContain("Maya");
});

test("tokens an earlier page left behind are thrown away", async () => {
  const left = { user: USER, accessToken: "old-access", refreshToken: "old-refresh" };
  localStorage.setItem(KEY, JSON.stringify({ state: left, version: 0 }));
  await useSession.persist.rehydrate();
  expect(useSession.getState().user?.id).toBe("maya");
  expect(useSession.getState().accessToken).toBeNull();
  expect(localStorage.getItem(KEY)).not.toMatch(/old-access|old-refresh/);
});

test("a page that was loaded anew has the cookie traded once for all that wait", async () => {
  useSession.setState({ user: USER, accessToken: null });
  const post = vi.spyOn(axios, "post").mockResolvedValue({ data: SESSION });
  const headers = await Promise.all([identityHeaders(), identityHeaders(), identityHeaders()]);
  expect(headers.map((one) => one.Authorization)).toEqual(Array(3).fill("Bearer token-2"));
  expect(post).toHaveBeenCalledTimes(1);
  expect(post).toHaveBeenCalledWith("/api/v1/auth/refresh", {}, { headers: { "X-Session": "cookie" } });
});

test("nobody in particular asks for no session", async () => {
  const post = vi.spyOn(axios, "post");
  expect(await accessToken()).toBeNull();
  expect(post).not.toHaveBeenCalled();
});

test("tabs take turns where the browser has locks", async () => {
  const request = vi.fn((_name: string, run: () => Promise<unknown>) => run());
  vi.stubGlobal("navigator", { locks: { request } });
  vi.spyOn(axios, "post").mockResolvedValue({ data: SESSION });
  expect(await refreshSession()).toBe(true);
  expect(request).toHaveBeenCalledWith(KEY, expect.any(Function));
});

test("a refused cookie signs out, a shop that is away does not", async () => {
  useSession.setState({ user: USER, accessToken: null });
  const post = vi.spyOn(axios, "post").mockRejectedValueOnce(refused(503));
  expect(await refreshSession()).toBe(false);
  expect(useSession.getState().user?.id).toBe("maya");
  post.mockRejectedValueOnce(refused(401));
  expect(await refreshSession()).toBe(false);
  expect(useSession.getState().user).toBeNull();
});

test("signing out has the shop clear the cookie", async () => {
  useSession.getState().signIn(SESSION);
  const post = vi.spyOn(axios, "post").mockResolvedValue({ data: undefined });
  endSession();
  await vi.waitFor(() =>
    expect(post).toHaveBeenCalledWith("/api/v1/auth/logout", {}, { headers: { "X-Session": "cookie" } }),
  );
  expect(useSession.getState().user).toBeNull();
});

test("who signs out in another tab is signed out here", () => {
  const stop = followOtherTabs();
  useSession.getState().signIn(SESSION);
  localStorage.setItem(KEY, JSON.stringify({ state: { user: null }, version: 1 }));
  window.dispatchEvent(new StorageEvent("storage", { key: KEY }));
  expect(useSession.getState()).toMatchObject({ user: null, accessToken: null });
  stop();
});
