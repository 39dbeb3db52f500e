import { useEffect, useRef, type ReactNode } from "react";
import type { Product } from "@/api/types";
import { AssistantMessage } from "@/features/chat/components/assistant-message";
import { useChat } from "@/features/chat/stores/chat-store";

const NEAR_END_PX = 96;

export function MessageList({ renderProduct }: { renderProduct: (product: Product) => ReactNode }) {
  const messages = useChat((state) => state.stream.messages);
  const activity = useChat((state) => state.stream.activity);
  const pending = useChat((state) => state.stream.pending !== null);
  const connection = useChat((state) => state.connection);
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);

  // Follow the words only while the reader is at the end; someone who scrolled up is reading.
  useEffect(() => {
    const element = box.current;
    if (element && follows.current) element.scrollTop = element.scrollHeight;
  }, [messages, activity]);

  const waitsForWords = pending && messages.at(-1)?.text === "";
  const doing =
    connection === "open"
      ? activity || (waitsForWords ? "Thinking it over" : "")
      : "Waiting for the connection";

  return (
    <div
      className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-6 py-4"
      onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        follows.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      }}
      ref={box}
    >
      <div aria-busy={pending} aria-label="Conversation" aria-live="polite" role="log">
        <ol className="space-y-6">
          {messages.map((message, index) => (
            <li key={message.id}>
              {message.author === "shopper" ? (
                <p className="ml-auto w-fit max-w-[85%] rounded-lg rounded-br-sm bg-sunk px-4 py-2 whitespace-pre-wrap">
                  <span className="sr-only">You asked: </span>
                  {message.text}
                </p>
              ) : (
                <AssistantMessage
                  isLast={index === messages.length - 1}
                  message={message}
                  renderProduct={renderProduct}
                />
              )}
            </li>
          ))}
        </ol>
      </div>
      {/* The line keeps its height, so that its words come and go without moving the answer. */}
      <p className="mt-2 h-6 text-xs text-muted">
        {pending && doing && (
          <span className="inline-flex animate-fade items-center gap-2">
            {dots}
            {doing}
          </span>
        )}
      </p>
    </div>
  );
}

const dots = <span aria-hidden="true" className="skeleton inline-block size-2 rounded-full! bg-ember!" />;
