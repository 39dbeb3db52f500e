import { infiniteQueryOptions } from "@tanstack/react-query";
import type { ReviewPage } from "@/api/types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

const PAGE_SIZE = 6;

export const reviewPagesQuery = (productId: string) =>
  infiniteQueryOptions({
    queryKey: ["reviews", productId],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      get<ReviewPage>(endpoints.reviews(productId), {
        signal,
        params: { page_size: PAGE_SIZE, page_token: pageParam || undefined },
      }),
    getNextPageParam: (page) => page.next_page_token || undefined,
  });
