import { useEffect, useRef, useState, type FormEvent } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { Icon } from "@/components/ui/icon";
import { pages } from "@/config/paths";

const LONGEST = 300;

/** The search always shows what was asked last, wherever the question came from. */
export function SearchForm() {
  const [params] = useSearchParams();
  const asked = params.get("q") ?? "";
  return <QuestionForm asked={asked} key={asked} />;
}

function QuestionForm({ asked }: { asked: string }) {
  const [text, setText] = useState(asked);
  const field = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();

  // "/" brings you to the search, as long as you are not writing something else.
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || target.closest("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const query = text.trim();
    if (query) void navigate(pages.search(query));
  };

  return (
    <form className="relative w-full max-w-xl" onSubmit={submit} role="search">
      <label className="sr-only" htmlFor="search">
        Search the shop
      </label>
      <Icon
        className="pointer-events-none absolute top-1/2 left-4 -translate-y-1/2 text-muted"
        name="search"
        size={18}
      />
      <input
        className="h-11 w-full rounded-full bg-sunk pr-4 pl-11 text-ellipsis transition-colors hover:bg-line/60 focus:bg-surface"
        data-testid="search-input"
        enterKeyHint="search"
        id="search"
        maxLength={LONGEST}
        onChange={(event) => setText(event.target.value)}
        placeholder="Something warm for cold feet"
        ref={field}
        type="search"
        value={text}
      />
    </form>
  );
}
