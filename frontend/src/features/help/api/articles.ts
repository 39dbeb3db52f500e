import { queryOptions } from "@tanstack/react-query";
import type { Article, Articles } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const articlesQuery = queryOptions({
  queryKey: ["articles"],
  queryFn: async ({ signal }) => (await get<Articles>(endpoints.articles, { signal })).articles,
  staleTime: 10 * 60_000,
});

export const articleQuery = (id: string) =>
  queryOptions({
    queryKey: ["article", id],
    queryFn: ({ signal }) => get<Article>(endpoints.article(id), { signal }),
    staleTime: 10 * 60_000,
  });
