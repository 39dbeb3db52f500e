import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { Icon } from "@/components/ui/icon";
import { askAssistant, stopAnswer } from "@/features/chat/hooks/chat-connection";
import { useChat } from "@/features/chat/stores/chat-store";

const LONGEST = 4000;

export function QuestionForm({ takesFocus = false }: { takesFocus?: boolean }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const answering = useChat((state) => state.stream.pending !== null);
  const subject = useChat((state) => state.subject);

  useEffect(() => {
    if (takesFocus) field.current?.focus();
  }, [takesFocus]);

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (answering || !text.trim()) return;
    askAssistant(text, subject?.id);
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    }
  };

  return (
    <form className="px-4 pt-2 pb-[max(1rem,env(safe-area-inset-bottom))]" onSubmit={submit}>
      <div className="flex items-end gap-2 rounded-lg border border-line-strong bg-surface p-1.5 pl-4 transition-colors focus-within:border-ink">
        <label className="sr-only" htmlFor="assistant-question">
          Ask the assistant
        </label>
        <textarea
          className="field-sizing-content max-h-36 min-h-9 flex-1 resize-none bg-transparent py-1.5 outline-none"
          data-testid="assistant-input"
          id="assistant-question"
          maxLength={LONGEST}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          placeholder={subject ? "Ask about this, or anything else" : "Ask about things, orders or returns"}
          ref={field}
          rows={1}
          value={text}
        />
        {answering ? (
          <button
            aria-label="Stop the answer"
            className="grid size-9 shrink-0 place-items-center rounded-full bg-ink text-paper"
            onClick={stopAnswer}
            type="button"
          >
            <Icon name="stop" size={18} />
          </button>
        ) : (
          <button
            aria-label="Send the question"
            className="grid size-9 shrink-0 place-items-center rounded-full bg-ember-fill text-(--on-ember) transition-colors hover:bg-ember-fill-hover disabled:bg-sunk disabled:text-muted"
            disabled={!text.trim()}
            type="submit"
          >
            <Icon name="send" size={18} />
          </button>
        )}
      </div>
    </form>
  );
}
