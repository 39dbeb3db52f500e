import { useSearchParams } from "react-router";
import type { ProductPage } from "@/api/types";
import { Listing } from "@/app/storefront/listing";
import { DepartmentIndex } from "@/app/storefront/home/department-index";
import { Button } from "@/components/ui/button";
import { DegradedNote, EmptyNote } from "@/components/ui/notes";
import magnifier from "@lobehub/fluent-emoji-3d/assets/1f50d.webp";
import { askAssistant } from "@/features/chat/hooks/chat-connection";
import { useChat } from "@/features/chat/stores/chat-store";
import { track } from "@/lib/events";
import { useDocumentTitle } from "@/lib/use-document-title";

export function SearchPage() {
  const [params] = useSearchParams();
  const query = (params.get("q") ?? "").trim();
  useDocumentTitle(query || "Search");
  if (!query) {
    return (
      <div className="space-y-12 pt-12">
        <EmptyNote heading="h1" picture={magnifier} title="What are you looking for?">
          <p>Say it in your own words: “something warm for cold feet” works as well as “wool slippers”.</p>
        </EmptyNote>
        <DepartmentIndex />
      </div>
    );
  }
  return (
    <Listing
      empty={<NothingFound query={query} />}
      head={(page) => <SearchHead page={page} query={query} />}
      key={query}
      onAnswer={(page) => track("search", { query, result_count: page.total_size })}
      placement="search"
      query={query}
    />
  );
}

function SearchHead({ query, page }: { query: string; page: ProductPage | undefined }) {
  const degraded = (page?.degraded?.length ?? 0) > 0;
  return (
    <header>
      <h1 className="display text-2xl break-words @3xl:text-3xl">“{query}”</h1>
      {/* The line keeps its height while the answer is on its way. */}
      <p className="mt-2 min-h-7 text-base text-muted">
        {page?.understood_as && (
          <>
            Understood as <span className="text-ink">{page.understood_as}</span>
          </>
        )}
      </p>
      {degraded && (
        <div className="mt-2 max-w-prose">
          <DegradedNote>
            Searching by words only just now: things that are meant but not named may be missing.
          </DegradedNote>
        </div>
      )}
    </header>
  );
}

function NothingFound({ query }: { query: string }) {
  const setOpen = useChat((state) => state.setOpen);
  return (
    <EmptyNote picture={magnifier} title="We have nothing like that">
      <p>Try fewer or other words, or describe what it is for. The assistant may know something close.</p>
      <Button
        className="mt-6"
        onClick={() => {
          setOpen(true);
          askAssistant(`Do you have anything like "${query}"?`);
        }}
      >
        Ask the assistant
      </Button>
    </EmptyNote>
  );
}
