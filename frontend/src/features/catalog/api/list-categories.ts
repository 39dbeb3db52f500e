import { queryOptions } from "@tanstack/react-query";
import type { Categories } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const categoriesQuery = queryOptions({
  queryKey: ["categories"],
  queryFn: async ({ signal }) => (await get<Categories>(endpoints.categories, { signal })).categories,
  staleTime: 10 * 60_000,
});
