import type { ChatFrame } from "@/api/types";
import { env } from "@/config/env";
import { endpoints } from "@/config/paths";
import { isChatFrame } from "@/features/chat/stores/chat-stream";
import { useChat } from "@/features/chat/stores/chat-store";
import { track } from "@/lib/events";
import { accessToken, refreshSession } from "@/lib/http";
import { newId } from "@/lib/id";
import { useSession } from "@/lib/session";
import { ReturningSocket, type SocketOpening } from "@/lib/socket";
import { visitorId } from "@/lib/visitor";

const BAD_FRAME = 4400;
const BAD_TOKEN = 4401;
const FOREIGN_SESSION = 4404;
const TOO_LARGE = 1009;
const TRY_LATER = 1013;

/** Frames that arrived since the last paint: one render per picture, however fast the words come. */
let arrived: ChatFrame[] = [];
let painting = false;
let socket: ReturningSocket | null = null;

/** The protocol spoken, and what follows it is the token: addresses end in logs, and scripts can set no header here. */
const PROTOCOL = "aisle.chat.v1";
const TOKEN_PROTOCOL = "aisle.token.";

async function opening(): Promise<SocketOpening> {
  const token = await accessToken();

  const origin = (env.apiOrigin || window.location.origin).replace(/^http/, "ws");
  const params = new URLSearchParams({ session: useChat.getState().sessionId, visitor: visitorId() });
  return {
    address: `${origin}${endpoints.chatSocket}?${params.toString()}`,
    protocols: token ? [PROTOCOL, TOKEN_PROTOCOL + token] : [PROTOCOL],
  };
}

function flush(): void {
  painting = false;
  const frames = arrived;
  arrived = [];
  useChat.getState().receive(frames);
}

function onFrame(frame: unknown): void {
  if (!isChatFrame(frame)) return;
  arrived.push(frame);
  if (frame.type === "ready") {
    flush();
    sendPending();
    return;
  }
  if (!painting) {
    painting = true;
    // A hidden tab paints nothing, and the answer has to arrive there all the same.
    if (document.hidden) setTimeout(flush, 100);
    else requestAnimationFrame(flush);
  }
}

/** Ask what is not answered yet; the same request id makes a second time the same question. */
function sendPending(): void {
  const { pending } = useChat.getState().stream;
  if (!pending) return;
  socket?.send({
    type: "send",
    request_id: pending.requestId,
    text: pending.text,
    ...(pending.productId ? { product_id: pending.productId } : {}),
  });
}

async function mayReturn(code: number): Promise<boolean> {
  const chat = useChat.getState();
  chat.setAway(code === TRY_LATER);
  if (code === BAD_TOKEN) {
    if (!(await refreshSession())) useSession.getState().signOut();
    return true;
  }
  if (code === FOREIGN_SESSION) {
    // The session is somebody else's or gone; what is asked here is asked again in a new one.
    chat.forgetSession();
    return true;
  }
  if (code === BAD_FRAME || code === TOO_LARGE) {
    chat.halt("failed", {
      type: "about:blank",
      title: "The assistant could not read that",
      detail: code === TOO_LARGE ? "It was too long. Ask in fewer words." : "Ask again in other words.",
      status: 400,
      reason: "",
      request_id: "",
    });
    return true;
  }
  return true;
}

/** Another person is another conversation: nothing of the one before may stay on the screen or the wire. */
function followIdentity(): void {
  useSession.subscribe((now, before) => {
    if (now.user?.id === before.user?.id) return;
    const wasOpen = useChat.getState().connection !== "closed";
    socket?.close();
    useChat.getState().startOver();
    if (wasOpen && useChat.getState().open) socket?.open();
  });
}

export function openConnection(): void {
  if (!socket) followIdentity();
  socket ??= new ReturningSocket({
    opening,
    onFrame,
    mayReturn,
    onState: (state) => useChat.getState().setConnection(state),
  });
  socket.open();
}

/** Ask something; without a connection it waits and goes out when there is one. */
export function askAssistant(text: string, productId?: string): void {
  const words = text.trim();
  if (!words || useChat.getState().stream.pending) return;
  useChat.getState().begin({ requestId: newId(), text: words, productId });
  track("chat_message", { product_id: productId });
  openConnection();
  if (socket?.isOpen) sendPending();
}

export function stopAnswer(): void {
  socket?.send({ type: "stop" });
  useChat.getState().halt("interrupted");
}

/** Ask the last question once more. */
export function askAgain(): void {
  const { stream, dropLastTurn, subject } = useChat.getState();
  const question = stream.messages.findLast((message) => message.author === "shopper");
  if (!question) return;
  dropLastTurn();
  askAssistant(question.text, subject?.id);
}

/** Begin a new conversation: the old one stays with the shop, the new one gets its own id. */
export function newConversation(): void {
  socket?.close();
  useChat.getState().startOver();
  openConnection();
}
