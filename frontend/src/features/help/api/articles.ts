import { queryOptions } from "@tanstack/react-query";
import type { Article, ArticleSummary } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

/** The list comes bare or wrapped, depending on the age of the edge. */
export const articlesQuery = queryOptions({
  queryKey: ["articles"],
  queryFn: async ({ signal }) => {
    const answer = await get<ArticleSummary[] | { articles: ArticleSummary[] }>(endpoints.articles, {
      signal,
    });
    return Array.isArray(answer) ? answer : answer.articles;
  },
  staleTime: 10 * 60_000,
});

export const articleQuery = (id: string) =>
  queryOptions({
    queryKey: ["article", id],
    queryFn: ({ signal }) => get<Article>(endpoints.article(id), { signal }),
    staleTime: 10 * 60_000,
  });
