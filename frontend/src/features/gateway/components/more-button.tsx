import { Button } from "@/components/ui/button";
import { ErrorNote } from "@/components/ui/notes";

interface Pages {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  isFetchNextPageError: boolean;
  error: Error | null;
  fetchNextPage: () => unknown;
}

/** The next page of a list, below what is there; a page that failed leaves the others standing. */
export function MoreButton({ list }: { list: Pages }) {
  if (!list.hasNextPage) return null;
  if (list.isFetchNextPageError) {
    return <ErrorNote className="mt-6" error={list.error} onRetry={() => void list.fetchNextPage()} />;
  }
  return (
    <div className="mt-6 flex justify-center">
      <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        Show more
      </Button>
    </div>
  );
}
