import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { ArticleSummary } from "@/api/types";
import { AsyncView } from "@/components/ui/async-view";
import { EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { articlesQuery } from "@/features/help/api/articles";
import { labelOf } from "@/lib/format";

function byTopic(articles: ArticleSummary[]): [string, ArticleSummary[]][] {
  const topics = new Map<string, ArticleSummary[]>();
  for (const article of articles) topics.set(article.topic, [...(topics.get(article.topic) ?? []), article]);
  return [...topics.entries()].sort(([a], [b]) => a.localeCompare(b));
}

export function TopicList({ filter }: { filter: string }) {
  const query = useQuery(articlesQuery);
  const words = filter.trim().toLowerCase();
  return (
    <AsyncView query={query} skeleton={<TopicSkeleton />}>
      {(articles) => {
        const found = articles.filter((article) =>
          `${article.title} ${article.topic}`.toLowerCase().includes(words),
        );
        if (found.length === 0) {
          return (
            <EmptyNote title="No page is called that">
              <p>Try another word, or put the question to the assistant: it reads every page.</p>
            </EmptyNote>
          );
        }
        return <Topics articles={found} />;
      }}
    </AsyncView>
  );
}

function Topics({ articles }: { articles: ArticleSummary[] }) {
  return (
    // Columns rather than a grid: topics differ in length, and none should leave a hole below it.
    <div className="-mb-12 gap-x-12 @2xl:columns-2 @4xl:columns-3">
      {byTopic(articles).map(([topic, each]) => (
        <section className="mb-12 break-inside-avoid" key={topic}>
          <h2 className="display text-xl">{labelOf(topic)}</h2>
          <ul className="mt-3 border-t border-line">
            {each.map((article) => (
              <li className="border-b border-line" key={article.id}>
                <Link
                  className="block py-3 transition-colors hover:text-ember-ink"
                  to={pages.article(article.id)}
                >
                  {article.title}
                </Link>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

function TopicSkeleton() {
  return (
    <div className="grid gap-12 @2xl:grid-cols-2 @4xl:grid-cols-3">
      {[0, 1, 2, 3, 4, 5].map((index) => (
        <Skeleton className="h-56" key={index} />
      ))}
    </div>
  );
}
