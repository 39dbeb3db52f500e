import type { ChatFrame, Citation, Message, Problem, Product } from "@/api/types";

/** A question on its way: kept until its answer is finished, so that it can be sent again after a lost connection. */
export interface Pending {
  requestId: string;
  text: string;
  productId?: string;
  /** Known once the server began to answer; until then frames belong to an earlier question. */
  answerId?: string;
}

export interface ChatStream {
  sessionId: string;
  messages: Message[];
  pending: Pending | null;
  /** What the assistant is doing, in its own words. */
  activity: string;
  problem: Problem | null;
}

export const emptyStream: ChatStream = {
  sessionId: "",
  messages: [],
  pending: null,
  activity: "",
  problem: null,
};

const questionKey = (requestId: string) => `question-${requestId}`;
const answerKey = (requestId: string) => `answer-${requestId}`;

function message(id: string, author: Message["author"], text: string, state: Message["state"]): Message {
  return {
    id,
    author,
    text,
    state,
    citations: [],
    products: [],
    degraded: [],
    create_time: new Date().toISOString(),
  };
}

/** Show the question at once, and an empty answer that waits for words. */
export function ask(stream: ChatStream, pending: Pending): ChatStream {
  return {
    ...stream,
    pending,
    problem: null,
    activity: "",
    messages: [
      ...stream.messages,
      message(questionKey(pending.requestId), "shopper", pending.text, "complete"),
      message(answerKey(pending.requestId), "assistant", "", "streaming"),
    ],
  };
}

/** Take back a failed question and its answer, so that asking again does not show it twice. */
export function forgetLastTurn(stream: ChatStream): ChatStream {
  return { ...stream, problem: null, pending: null, activity: "", messages: stream.messages.slice(0, -2) };
}

function changeAnswer(stream: ChatStream, change: (answer: Message) => Message): ChatStream {
  if (!stream.pending?.answerId) return stream;
  return changeLast(stream, change);
}

function changeLast(stream: ChatStream, change: (answer: Message) => Message): ChatStream {
  const last = stream.messages.at(-1);
  if (last?.author !== "assistant" || last.state !== "streaming") return stream;
  return { ...stream, messages: [...stream.messages.slice(0, -1), change(last)] };
}

function withCitation(answer: Message, citation: Citation): Message {
  const others = answer.citations.filter((each) => each.index !== citation.index);
  return { ...answer, citations: [...others, citation].sort((a, b) => a.index - b.index) };
}

function withProduct(answer: Message, product: Product): Message {
  if (answer.products.some((each) => each.id === product.id)) return answer;
  return { ...answer, products: [...answer.products, product] };
}

/** The answer as far as it came, marked as stopped or failed; asking stays possible. */
export function settle(
  stream: ChatStream,
  state: "interrupted" | "failed",
  problem: Problem | null = null,
): ChatStream {
  return {
    ...changeLast(stream, (answer) => ({ ...answer, state })),
    pending: null,
    activity: "",
    problem,
  };
}

/** What one frame from the server makes of the conversation. */
export function applyFrame(stream: ChatStream, frame: ChatFrame): ChatStream {
  switch (frame.type) {
    case "ready":
      return { ...stream, sessionId: frame.session_id };
    case "started":
      // A replay after a reconnect begins here too, so what had arrived before is begun anew.
      if (stream.pending?.requestId !== frame.request_id) return stream;
      return changeAnswer(
        { ...stream, pending: { ...stream.pending, answerId: frame.answer_id } },
        (answer) => ({ ...answer, text: "", citations: [], products: [] }),
      );
    case "activity":
      return stream.pending ? { ...stream, activity: frame.text } : stream;
    case "delta":
      return {
        ...changeAnswer(stream, (answer) => ({ ...answer, text: answer.text + frame.text })),
        activity: "",
      };
    case "citation": {
      const { index, article_id, title, section, passage } = frame;
      return changeAnswer(stream, (answer) =>
        withCitation(answer, { index, article_id, title, section, passage }),
      );
    }
    case "product":
      return changeAnswer(stream, (answer) => withProduct(answer, frame.product));
    case "finished":
      if (!stream.pending?.answerId) return stream;
      return { ...changeAnswer(stream, () => frame.message), pending: null, activity: "", problem: null };
    case "error":
      return stream.pending ? settle(stream, "failed", frame.problem) : stream;
    case "pong":
      return stream;
  }
}

const FRAME_TYPES = new Set([
  "ready",
  "started",
  "activity",
  "delta",
  "citation",
  "product",
  "finished",
  "error",
  "pong",
]);

export function isChatFrame(frame: unknown): frame is ChatFrame {
  return (
    typeof frame === "object" && frame !== null && "type" in frame && FRAME_TYPES.has(String(frame.type))
  );
}

/** While words arrive, a mark that is not whole yet ("[1") is held back, so that it never flickers. */
export function steadyText(text: string): string {
  return text.replace(/\[[\d,\s]*$/, "").replace(/\*+$/, "");
}
