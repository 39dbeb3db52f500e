import { Icon } from "@/components/ui/icon";
import { askAssistant } from "@/features/chat/hooks/chat-connection";
import { useChat } from "@/features/chat/stores/chat-store";

const QUESTIONS = [
  [
    "Do you have a present for someone who loves tea?",
    "It walks the shelves and sets what it finds in front of you, prices and all.",
  ],
  ["My teapot arrived broken. What now?", "It reads the help pages and shows you the line it read."],
  [
    "How do I wash a wool jumper?",
    "It knows how things want to be looked after, for years rather than seasons.",
  ],
] as const;

/** The assistant, introduced by what is worth asking it. */
export function AskIntro() {
  const setOpen = useChat((state) => state.setOpen);
  const ask = (question: string) => {
    setOpen(true);
    askAssistant(question);
  };
  return (
    <section aria-labelledby="ask-the-shop" className="page">
      <div className="rounded-lg bg-dusk px-6 py-12 text-on-dusk @3xl:px-12 @5xl:px-18 @5xl:py-18">
        <div className="flex flex-wrap items-end justify-between gap-x-12 gap-y-4">
          <h2 className="display max-w-[16ch] text-2xl @3xl:text-3xl" id="ask-the-shop">
            Ask, the way you would across a counter.
          </h2>
          <p className="max-w-[38ch] text-on-dusk-muted">
            The assistant knows every shelf and every house rule. It shows where it read something, and says
            so when it does not know.
          </p>
        </div>
        <ul className="mt-12">
          {QUESTIONS.map(([question, promise]) => (
            <li className="border-t border-dusk-line" key={question}>
              <button
                className="group flex w-full items-baseline gap-6 py-6 text-left"
                onClick={() => ask(question)}
                type="button"
              >
                <span className="grid flex-1 gap-x-12 gap-y-1 @3xl:grid-cols-[6fr_5fr]">
                  <span className="display text-lg transition-colors group-hover:text-glow @3xl:text-xl">
                    {question}
                  </span>
                  <span className="text-on-dusk-muted">{promise}</span>
                </span>
                <Icon
                  className="shrink-0 text-glow transition-transform group-hover:translate-x-1"
                  name="arrow"
                />
              </button>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
