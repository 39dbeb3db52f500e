import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { ChatFrame, Message, Problem, Product } from "@/api/types";
import type { SocketState } from "@/lib/socket";
import {
  applyFrame,
  ask,
  emptyStream,
  forgetLastTurn,
  settle,
  type ChatStream,
  type Pending,
} from "@/features/chat/stores/chat-stream";

interface ChatState {
  stream: ChatStream;
  connection: SocketState;
  /** The line works, but nobody is there to answer just now. */
  away: boolean;
  open: boolean;
  /** Survives a reload, so that the conversation does too. */
  sessionId: string;
  /** What the page is about; questions are asked about it. */
  subject: Product | null;
  setOpen: (open: boolean) => void;
  setSubject: (subject: Product | null) => void;
  setConnection: (connection: SocketState) => void;
  setAway: (away: boolean) => void;
  begin: (pending: Pending) => void;
  receive: (frames: ChatFrame[]) => void;
  halt: (state: "interrupted" | "failed", problem?: Problem) => void;
  dropLastTurn: () => void;
  restore: (sessionId: string, messages: Message[]) => void;
  forgetSession: () => void;
  startOver: () => void;
}

export const useChat = create<ChatState>()(
  persist(
    (set) => ({
      stream: emptyStream,
      connection: "closed",
      away: false,
      open: false,
      sessionId: "",
      subject: null,
      setOpen: (open) => set({ open }),
      setSubject: (subject) => set({ subject }),
      setConnection: (connection) =>
        set(connection === "open" ? { connection, away: false } : { connection }),
      setAway: (away) => set({ away }),
      begin: (pending) => set((state) => ({ stream: ask(state.stream, pending) })),
      receive: (frames) =>
        set((state) => {
          const stream = frames.reduce(applyFrame, state.stream);
          return { stream, sessionId: stream.sessionId || state.sessionId };
        }),
      halt: (result, problem) => set((state) => ({ stream: settle(state.stream, result, problem ?? null) })),
      dropLastTurn: () => set((state) => ({ stream: forgetLastTurn(state.stream) })),
      restore: (sessionId, messages) => set({ sessionId, stream: { ...emptyStream, sessionId, messages } }),
      forgetSession: () => set((state) => ({ sessionId: "", stream: { ...state.stream, sessionId: "" } })),
      startOver: () => set({ sessionId: "", stream: emptyStream }),
    }),
    {
      name: "lantern-loom.conversation",
      partialize: (state) => ({ sessionId: state.sessionId }),
    },
  ),
);
