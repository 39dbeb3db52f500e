import type { DescriptionRequest, Finding } from "@/api/staff-types";
import type { Problem } from "@/api/types";
import { env } from "@/config/env";
import { endpoints } from "@/config/paths";
import { identityHeaders, refreshSession } from "@/lib/http";
import { ProblemError, problemOf } from "@/lib/problem";
import { readServerEvents } from "@/lib/server-events";

export interface DraftListener {
  onDelta: (text: string) => void;
  onFinding: (finding: Finding) => void;
  onFinished: (finished: { text: string; model: string | null; degraded: string[] }) => void;
}

const HTTP_UNAUTHORIZED = 401;

async function request(body: DescriptionRequest, signal: AbortSignal): Promise<Response> {
  return fetch(env.apiOrigin + endpoints.generateDescription, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream", ...(await identityHeaders()) },
    body: JSON.stringify(body),
    signal,
  });
}

/** Write a description and hand over its words while they come. */
export async function generateDescription(
  body: DescriptionRequest,
  listener: DraftListener,
  signal: AbortSignal,
): Promise<void> {
  let response = await request(body, signal);
  if (response.status === HTTP_UNAUTHORIZED && (await refreshSession()))
    response = await request(body, signal);
  if (!response.ok || !response.body) throw await problemOf(response);
  let finished = false;
  for await (const event of readServerEvents(response.body)) {
    const data = JSON.parse(event.data) as unknown;
    if (event.name === "delta") listener.onDelta((data as { text: string }).text);
    if (event.name === "finding") listener.onFinding(data as Finding);
    if (event.name === "error") throw new ProblemError(data as Problem);
    if (event.name === "finished") {
      finished = true;
      listener.onFinished(data as Parameters<DraftListener["onFinished"]>[0]);
    }
  }
  if (!finished) throw new TypeError("The stream ended before the draft did.");
}
