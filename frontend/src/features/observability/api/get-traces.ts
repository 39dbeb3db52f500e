import { infiniteQueryOptions } from "@tanstack/react-query";
import type { Traces } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import type { TraceFilters } from "@/features/observability/hooks/trace-filters";
import { get } from "@/lib/http";

export const tracesQuery = (filters: TraceFilters) =>
  infiniteQueryOptions({
    queryKey: ["traces", filters],
    queryFn: ({ signal, pageParam }) =>
      get<Traces>(endpoints.traces, {
        signal,
        params: {
          service: filters.service || undefined,
          method: filters.method || undefined,
          min_ms: filters.minMs || undefined,
          errors_only: filters.errorsOnly || undefined,
          page_token: pageParam || undefined,
        },
      }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_page_token || undefined,
  });
