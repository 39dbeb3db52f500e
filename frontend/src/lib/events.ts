import type { EventType, ShopEvent } from "@/api/types";
import { env } from "@/config/env";
import { endpoints } from "@/config/paths";
import { identityHeaders } from "@/lib/http";
import { newId } from "@/lib/id";
import { visitId } from "@/lib/visitor";

type Details = Omit<ShopEvent, "event_id" | "type" | "session_id" | "event_time">;

const FLUSH_AFTER_MS = 4000;
const BATCH_SIZE = 20;
const KEEP_AT_MOST = 200;

let waiting: ShopEvent[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Note what a shopper did; it leaves with the next batch. */
export function track(type: EventType, details: Details = {}): void {
  waiting.push({
    event_id: newId(),
    type,
    session_id: visitId(),
    event_time: new Date().toISOString(),
    ...details,
  });
  if (waiting.length >= BATCH_SIZE) void flushEvents();
  else timer ??= setTimeout(() => void flushEvents(), FLUSH_AFTER_MS);
}

/** Send what waits. A batch that fails is kept: event ids make sending it twice harmless. */
export async function flushEvents(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  if (waiting.length === 0) return;
  const batch = waiting.splice(0, BATCH_SIZE);
  try {
    const answer = await fetch(env.apiOrigin + endpoints.events, {
      method: "POST",
      keepalive: true,
      headers: { "Content-Type": "application/json", ...(await identityHeaders()) },
      body: JSON.stringify({ events: batch }),
    });
    if (answer.status >= 500) throw new TypeError("The shop could not take the events.");
  } catch {
    waiting = [...batch, ...waiting].slice(-KEEP_AT_MOST);
  }
}

/** Send the last batch when the page is hidden: the only moment a phone reliably gives. */
export function flushEventsOnHide(): () => void {
  const onHide = () => {
    if (document.visibilityState === "hidden") void flushEvents();
  };
  document.addEventListener("visibilitychange", onHide);
  return () => document.removeEventListener("visibilitychange", onHide);
}
