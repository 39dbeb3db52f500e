import { QueryClient } from "@tanstack/react-query";
import { toProblem } from "@/lib/problem";

const MAX_RETRIES = 2;

/** The one cache of what the server said. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      gcTime: 10 * 60_000,
      refetchOnWindowFocus: false,
      // Without a connection a request fails at once and says so, instead of waiting in silence.
      networkMode: "always",
      refetchOnReconnect: true,
      // A clear 4xx stays a 4xx however often it is asked.
      retry: (failures, error) => failures < MAX_RETRIES && toProblem(error).isRetryable,
      retryDelay: (attempt) => Math.min(400 * 2 ** attempt, 3000),
    },
  },
});
