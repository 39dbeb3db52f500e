import { useEffect } from "react";
import { getSession } from "@/features/chat/api/get-session";
import { openConnection } from "@/features/chat/hooks/chat-connection";
import { useChat } from "@/features/chat/stores/chat-store";
import { toProblem } from "@/lib/problem";

/** Bring back the conversation of an earlier page view, then connect. */
export function useConversation(active: boolean): void {
  useEffect(() => {
    if (!active) return undefined;
    const { sessionId, stream, restore, startOver } = useChat.getState();
    if (!sessionId || stream.messages.length > 0) {
      openConnection();
      return undefined;
    }
    let left = false;
    void getSession(sessionId)
      .then((session) => {
        if (!left && useChat.getState().stream.messages.length === 0) restore(session.id, session.messages);
      })
      .catch((error: unknown) => {
        const { status } = toProblem(error).problem;
        if (!left && (status === 404 || status === 403)) startOver();
      })
      .finally(() => {
        if (!left) openConnection();
      });
    return () => {
      left = true;
    };
  }, [active]);
}
