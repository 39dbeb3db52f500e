import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { NotFoundPage } from "@/app/storefront/pages/not-found-page";
import { Button } from "@/components/ui/button";
import { Markdown } from "@/components/ui/markdown";
import { ErrorNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { useChat } from "@/features/chat/stores/chat-store";
import { articleQuery } from "@/features/help/api/articles";
import { formatDate, labelOf } from "@/lib/format";
import { toProblem } from "@/lib/problem";
import { useDocumentTitle } from "@/lib/use-document-title";

export function ArticlePage() {
  const { id = "" } = useParams();
  const query = useQuery(articleQuery(id));
  const setOpen = useChat((state) => state.setOpen);
  useDocumentTitle(query.data?.title);
  const article = query.data;
  if (!article) {
    if (!query.error) return <ArticleSkeleton />;
    if (toProblem(query.error).problem.status === 404) return <NotFoundPage what="article" />;
    return (
      <div className="page pt-12">
        <ErrorNote error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  return (
    <article className="page pt-8">
      <div className="mx-auto max-w-[680px]">
        <Link className="text-xs text-muted hover:underline" to={pages.help()}>
          Help pages / {labelOf(article.topic)}
        </Link>
        <h1 className="display mt-3 text-2xl @3xl:text-3xl">{article.title}</h1>
        <p className="mt-3 mb-8 text-xs text-muted">Last looked over on {formatDate(article.update_time)}</p>
        <Markdown source={withoutTitle(article.body, article.title)} />
        <div className="mt-12 flex flex-wrap items-center justify-between gap-4 rounded-md bg-ember-wash p-6">
          <p className="font-medium">Not what you needed?</p>
          <Button onClick={() => setOpen(true)} tone="ink">
            Ask the assistant
          </Button>
        </div>
      </div>
    </article>
  );
}

/** The body may open with its own title; it is already on the page. */
function withoutTitle(body: string, title: string): string {
  const [first = "", ...rest] = body.trimStart().split("\n");
  return first.replace(/^#+\s*/, "").trim() === title ? rest.join("\n") : body;
}

function ArticleSkeleton() {
  return (
    <div aria-busy="true" className="page pt-8">
      <div className="mx-auto max-w-[680px] space-y-4">
        <span className="sr-only">Loading</span>
        <Skeleton className="h-5 w-40" />
        <Skeleton className="h-12 w-4/5" />
        {[0, 1, 2, 3, 4].map((index) => (
          <Skeleton className="h-20 w-full" key={index} />
        ))}
      </div>
    </div>
  );
}
