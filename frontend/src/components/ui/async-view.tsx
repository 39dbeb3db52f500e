import type { ReactNode } from "react";
import { ErrorNote } from "@/components/ui/notes";

interface AsyncState<T> {
  data: T | undefined;
  error: Error | null;
  isPending: boolean;
  refetch: () => unknown;
}

interface AsyncViewProps<T> {
  query: AsyncState<T>;
  /** Drawn at the final size, so that nothing moves when the answer comes. */
  skeleton: ReactNode;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

/** The four states of anything that is asked for: waiting, nothing, wrong, done. */
export function AsyncView<T>({ query, skeleton, isEmpty, empty = null, children }: AsyncViewProps<T>) {
  if (query.data !== undefined) {
    return isEmpty?.(query.data) ? empty : children(query.data);
  }
  if (query.error) return <ErrorNote error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <div aria-busy="true" aria-live="polite">
      <span className="sr-only">Loading</span>
      {skeleton}
    </div>
  );
}
