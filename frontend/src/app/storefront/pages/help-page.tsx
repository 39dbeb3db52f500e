import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { useChat } from "@/features/chat/stores/chat-store";
import { TopicList } from "@/features/help/components/topic-list";
import { useDocumentTitle } from "@/lib/use-document-title";

export function HelpPage() {
  useDocumentTitle("Help pages");
  const [filter, setFilter] = useState("");
  const setOpen = useChat((state) => state.setOpen);
  return (
    <div className="page space-y-12 pt-8">
      <header className="flex flex-wrap items-end justify-between gap-6">
        <div>
          <h1 className="display text-3xl">Help pages</h1>
          <p className="mt-3 max-w-[52ch] text-base text-muted">
            How we send, take back, mend and charge, in full. In a hurry? The assistant reads these pages for
            you and shows the line.
          </p>
        </div>
        <div className="flex w-full items-end gap-3 @2xl:w-auto">
          <div className="flex-1 @2xl:w-64">
            <Field
              label="Find a page"
              onChange={(event) => setFilter(event.target.value)}
              type="search"
              value={filter}
            />
          </div>
          <Button onClick={() => setOpen(true)} tone="ink">
            Ask instead
          </Button>
        </div>
      </header>
      <TopicList filter={filter} />
    </div>
  );
}
