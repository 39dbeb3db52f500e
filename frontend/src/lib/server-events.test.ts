import { expect, it } from "vitest";
import { readServerEvents } from "@/lib/server-events";

function bodyOf(pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(encoder.encode(piece)));
      controller.close();
    },
  });
}

async function namesAndData(pieces: string[]): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of readServerEvents(bodyOf(pieces))) seen.push(`${event.name}=${event.data}`);
  return seen;
}

it("joins events that were cut anywhere on the way", async () => {
  expect(
    await namesAndData(["event: del", "ta\nda", "ta: 1\n", "\nevent: finished\r\ndata: 2\r\n\r\n"]),
  ).toEqual(["delta=1", "finished=2"]);
});

it("skips comments and reads a last event without its blank line", async () => {
  expect(await namesAndData([": ping\n\n", "data: a\ndata: b"])).toEqual(["message=a\nb"]);
});
