import { useState, type FormEvent } from "react";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { askAssistant } from "@/features/chat/hooks/chat-connection";
import { useChat } from "@/features/chat/stores/chat-store";

const SUGGESTIONS = [
  "What do people say about it?",
  "When would it arrive?",
  "Can I return it after trying it?",
];

/** The assistant where the question arises. */
export function AskInPlace({ product }: { product: Product }) {
  const [text, setText] = useState("");
  const setOpen = useChat((state) => state.setOpen);

  const ask = (question: string) => {
    setOpen(true);
    askAssistant(question, product.id);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    ask(text);
    setText("");
  };

  return (
    <section className="rounded-md bg-ember-wash p-6">
      <h2 className="flex items-center gap-2 font-semibold">
        <Icon className="text-ember" name="lantern" size={20} />
        Ask about this
      </h2>
      <form className="mt-3 flex gap-2" onSubmit={submit}>
        <label className="sr-only" htmlFor="ask-in-place">
          Your question about {product.title}
        </label>
        <input
          className="h-11 min-w-0 flex-1 rounded-full border border-line-strong bg-surface px-4"
          id="ask-in-place"
          maxLength={1000}
          onChange={(event) => setText(event.target.value)}
          placeholder="Will it suit…"
          value={text}
        />
        <Button disabled={!text.trim()} tone="ink" type="submit">
          Ask
        </Button>
      </form>
      <ul className="mt-3 flex flex-wrap gap-x-4 gap-y-1">
        {SUGGESTIONS.map((question) => (
          <li key={question}>
            <button
              className="quiet-link text-xs text-muted hover:text-ink"
              onClick={() => ask(question)}
              type="button"
            >
              {question}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
