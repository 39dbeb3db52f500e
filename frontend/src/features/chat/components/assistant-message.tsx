import { useId, useState, type ReactNode } from "react";
import { Link } from "react-router";
import type { Citation, Message, Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { Markdown } from "@/components/ui/markdown";
import { pages } from "@/config/paths";
import { askAgain } from "@/features/chat/hooks/chat-connection";
import { useChat } from "@/features/chat/stores/chat-store";
import { steadyText } from "@/features/chat/stores/chat-stream";
import { cx } from "@/lib/class-names";

interface AssistantMessageProps {
  message: Message;
  isLast: boolean;
  renderProduct: (product: Product) => ReactNode;
}

export function AssistantMessage({ message, isLast, renderProduct }: AssistantMessageProps) {
  const [opened, setOpened] = useState<number | null>(null);
  const passageId = useId();
  // A failure that was just told stands below the conversation, with its own way to try again.
  const told = useChat((state) => state.stream.problem !== null);
  const leftOff = message.state === "interrupted" || (message.state === "failed" && !told);
  const streaming = message.state === "streaming";
  const passage = message.citations.find((citation) => citation.index === opened);

  const renderCitation = (index: number) => {
    const citation = message.citations.find((each) => each.index === index);
    // A mark without a passage behind it would promise a source that is not there.
    if (!citation) return null;
    return (
      <CitationMark
        controls={passageId}
        index={index}
        onToggle={() => setOpened(opened === index ? null : index)}
        open={opened === index}
        title={citation.title}
      />
    );
  };

  return (
    <div className="space-y-3" data-testid="assistant-message">
      {message.text && (
        <div className={cx(streaming && "after:ml-0.5 after:inline-block")}>
          <Markdown
            compact
            renderCitation={renderCitation}
            source={streaming ? steadyText(message.text) : message.text}
          />
        </div>
      )}
      <div id={passageId}>{passage && <Passage citation={passage} onClose={() => setOpened(null)} />}</div>
      {message.products.length > 0 && (
        <ul className="space-y-2">
          {message.products.map((product) => (
            <li className="animate-rise" key={product.id}>
              {renderProduct(product)}
            </li>
          ))}
        </ul>
      )}
      {message.degraded.length > 0 && !streaming && (
        <p className="text-xs text-muted">
          Answered without a language model, from what the shop has written down.
        </p>
      )}
      {isLast && leftOff && <AskAgain state={message.state} />}
    </div>
  );
}

function AskAgain({ state }: { state: Message["state"] }) {
  return (
    <div className="flex items-center gap-3 text-xs text-muted">
      {state === "interrupted" ? "Stopped." : "That did not work."}
      <Button onClick={askAgain} size="small">
        <Icon name="retry" size={14} />
        Ask again
      </Button>
    </div>
  );
}

interface CitationMarkProps {
  index: number;
  title: string;
  open: boolean;
  controls: string;
  onToggle: () => void;
}

function CitationMark({ index, title, open, controls, onToggle }: CitationMarkProps) {
  return (
    <button
      aria-controls={controls}
      aria-expanded={open}
      aria-label={`Source ${String(index)}: ${title}`}
      className={cx(
        "figures relative ml-0.5 inline-grid h-4.5 min-w-4.5 -translate-y-0.5 place-items-center rounded-full px-1 text-[11px] leading-none font-semibold transition-colors before:absolute before:-inset-1.5",
        open ? "bg-ember-fill text-(--on-ember)" : "bg-ember-wash text-ember-ink hover:bg-line",
      )}
      data-testid="citation"
      onClick={onToggle}
      type="button"
    >
      {index}
    </button>
  );
}

function Passage({ citation, onClose }: { citation: Citation; onClose: () => void }) {
  return (
    <aside className="animate-rise rounded-md bg-ember-wash p-4">
      <div className="flex items-start justify-between gap-3">
        <p className="text-xs font-semibold">
          {citation.title}
          {citation.section && <span className="font-normal text-muted"> · {citation.section}</span>}
        </p>
        <button aria-label="Close the passage" className="-mt-1 -mr-1 p-1" onClick={onClose} type="button">
          <Icon name="close" size={14} />
        </button>
      </div>
      <p className="mt-2 font-display leading-relaxed">{citation.passage}</p>
      <Link className="quiet-link mt-3 inline-block text-xs" to={pages.article(citation.article_id)}>
        Read the whole page
      </Link>
    </aside>
  );
}
