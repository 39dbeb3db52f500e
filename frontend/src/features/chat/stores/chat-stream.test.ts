import { describe, expect, it } from "vitest";
import type { ChatFrame } from "@/api/types";
import {
  applyFrame,
  ask,
  emptyStream,
  forgetLastTurn,
  isChatFrame,
  settle,
  steadyText,
} from "@/features/chat/stores/chat-stream";
import { makeMessage, makeProduct } from "@/testing/factories";

const asked = ask(emptyStream, { requestId: "r1", text: "Can it go back?" });
const started: ChatFrame = { type: "started", request_id: "r1", question_id: "q", answer_id: "a" };
const play = (frames: ChatFrame[], from = asked) => frames.reduce(applyFrame, from);
const lastOf = (stream: typeof asked) => stream.messages.at(-1);

describe("the stream of an answer", () => {
  it("shows the question and an answer that waits for words", () => {
    expect(asked.messages.map((message) => [message.author, message.state])).toEqual([
      ["shopper", "complete"],
      ["assistant", "streaming"],
    ]);
  });

  it("adds words in the order they come", () => {
    const stream = play([started, { type: "delta", text: "You have " }, { type: "delta", text: "30 days" }]);
    expect(lastOf(stream)?.text).toBe("You have 30 days");
  });

  it("says what it is doing until words come", () => {
    const looking = play([
      started,
      { type: "activity", kind: "retrieval", text: "Looking in the returns policy" },
    ]);
    expect(looking.activity).toBe("Looking in the returns policy");
    expect(play([{ type: "delta", text: "Yes" }], looking).activity).toBe("");
  });

  it("keeps each passage and product once, passages in order", () => {
    const passage = (index: number): ChatFrame => ({
      type: "citation",
      index,
      article_id: "a",
      title: "t",
      section: "s",
      passage: "p",
    });
    const product = makeProduct();
    const stream = play([
      started,
      passage(2),
      passage(1),
      passage(2),
      { type: "product", product },
      { type: "product", product },
    ]);
    expect(lastOf(stream)?.citations.map((citation) => citation.index)).toEqual([1, 2]);
    expect(lastOf(stream)?.products).toHaveLength(1);
  });

  it("begins the answer anew when the server replays it after a reconnect", () => {
    const cut = play([started, { type: "delta", text: "You have 3" }]);
    const replayed = play([started, { type: "delta", text: "You have 30 days" }], cut);
    expect(lastOf(replayed)?.text).toBe("You have 30 days");
    expect(replayed.messages).toHaveLength(2);
  });

  it("ignores a start that belongs to another question", () => {
    const cut = play([started, { type: "delta", text: "Half" }]);
    expect(applyFrame(cut, { ...started, request_id: "other" })).toBe(cut);
  });

  it("keeps the end of a stopped answer away from the next question", () => {
    const stopped = settle(play([started, { type: "delta", text: "Old" }]), "interrupted");
    const next = ask(stopped, { requestId: "r2", text: "Something else" });
    const late = play(
      [
        { type: "delta", text: "old" },
        { type: "finished", message: makeMessage({ text: "Old" }) },
      ],
      next,
    );
    expect(lastOf(late)).toMatchObject({ text: "", state: "streaming" });
    expect(late.pending?.requestId).toBe("r2");
  });

  it("takes the finished message as it is and is ready for the next question", () => {
    const message = makeMessage({ id: "a", text: "You have 30 days [1]." });
    const stream = play([started, { type: "delta", text: "You ha" }, { type: "finished", message }]);
    expect(lastOf(stream)).toEqual(message);
    expect(stream.pending).toBeNull();
  });

  it("keeps what had arrived when it is stopped, and drops what comes after", () => {
    const stopped = settle(play([started, { type: "delta", text: "Half an" }]), "interrupted");
    const late = applyFrame(stopped, { type: "delta", text: " answer" });
    expect(lastOf(late)).toMatchObject({ text: "Half an", state: "interrupted" });
  });

  it("keeps the problem and marks the answer when it fails", () => {
    const problem = { type: "x", title: "Busy", status: 503, detail: "", reason: "BUSY", request_id: "q1" };
    const stream = play([started, { type: "error", problem }]);
    expect(stream.problem?.request_id).toBe("q1");
    expect(lastOf(stream)?.state).toBe("failed");
  });

  it("does not show a question twice when it is asked again", () => {
    const failed = settle(asked, "failed");
    const again = ask(forgetLastTurn(failed), { requestId: "r2", text: "Can it go back?" });
    expect(again.messages.filter((message) => message.author === "shopper")).toHaveLength(1);
  });
});

it("knows a frame from anything else", () => {
  expect(isChatFrame({ type: "delta", text: "x" })).toBe(true);
  for (const other of [null, 3, "delta", {}, { type: "evil" }]) expect(isChatFrame(other)).toBe(false);
});

it("holds back a mark that is not whole yet", () => {
  expect(steadyText("You have 30 days [1")).toBe("You have 30 days ");
  expect(steadyText("You have 30 days [1]")).toBe("You have 30 days [1]");
  expect(steadyText("a **")).toBe("a ");
});
