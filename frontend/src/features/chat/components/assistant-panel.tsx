import type { ReactNode } from "react";
import type { Problem, Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { DegradedNote, ErrorNote } from "@/components/ui/notes";
import { MessageList } from "@/features/chat/components/message-list";
import { QuestionForm } from "@/features/chat/components/question-form";
import { askAgain, askAssistant, newConversation } from "@/features/chat/hooks/chat-connection";
import { useConversation } from "@/features/chat/hooks/use-conversation";
import { useChat } from "@/features/chat/stores/chat-store";
import { ProblemError } from "@/lib/problem";

interface AssistantPanelProps {
  renderProduct: (product: Product) => ReactNode;
  /** The thing the page is about, always with its price in sight. */
  renderSubject: (product: Product) => ReactNode;
  onClose: () => void;
}

const QUESTIONS = [
  "I am looking for a warm scarf under 60 euros",
  "How long does delivery take, and what does it cost?",
  "Can I change my order after I have paid?",
];
const ABOUT_A_THING = [
  "What do people say about it?",
  "What is it made of?",
  "Can I return it after trying it?",
];

export function AssistantPanel({ renderProduct, renderSubject, onClose }: AssistantPanelProps) {
  useConversation(true);
  const isEmpty = useChat((state) => state.stream.messages.length === 0);
  const problem = useChat((state) => state.stream.problem);
  const connection = useChat((state) => state.connection);
  const away = useChat((state) => state.away);
  const subject = useChat((state) => state.subject);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex items-center gap-1 py-3 pr-3 pl-6">
        <Icon className="text-ember" name="lantern" size={22} />
        <h2 className="display ml-2 flex-1 text-lg">Ask the shop</h2>
        {!isEmpty && (
          <Button onClick={newConversation} size="small" tone="quiet">
            Start over
          </Button>
        )}
        <Button aria-label="Close the assistant" onClick={onClose} size="icon" tone="quiet">
          <Icon name="close" />
        </Button>
      </div>
      {subject && <div className="border-y border-line bg-surface px-6 py-3">{renderSubject(subject)}</div>}
      {isEmpty ? <Opening productId={subject?.id} /> : <MessageList renderProduct={renderProduct} />}
      {problem && <Trouble problem={problem} />}
      {(away || connection === "waiting") && (
        <div className="px-6 pb-2">
          <DegradedNote>
            {away ? "The assistant is away just now." : "The connection was lost."} Trying again, nothing you
            asked is gone.
          </DegradedNote>
        </div>
      )}
      <QuestionForm takesFocus />
    </div>
  );
}

/** What went wrong with the question, and another try where that may help. */
function Trouble({ problem }: { problem: Problem }) {
  const error = new ProblemError(problem);
  return (
    <ErrorNote className="mx-6 mb-2 p-4!" error={error} onRetry={error.isRetryable ? askAgain : undefined} />
  );
}

function Opening({ productId }: { productId?: string }) {
  const questions = productId ? ABOUT_A_THING : QUESTIONS;
  return (
    <div className="flex min-h-0 flex-1 flex-col justify-end overflow-y-auto px-6 pb-4">
      <p className="display text-xl">What can we help you find?</p>
      <p className="mt-2 text-muted">
        The assistant knows the shelves and the house rules, shows where it read something, and says so when
        it does not know.
      </p>
      <ul className="mt-6">
        {questions.map((question) => (
          <li className="border-t border-line" key={question}>
            <button
              className="group flex w-full items-center justify-between gap-4 py-3 text-left hover:text-ember-ink"
              onClick={() => askAssistant(question, productId)}
              type="button"
            >
              {question}
              <Icon
                className="shrink-0 text-muted transition-transform group-hover:translate-x-1"
                name="arrow"
                size={16}
              />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
