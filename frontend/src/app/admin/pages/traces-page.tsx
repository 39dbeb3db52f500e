import { useInfiniteQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { AsyncView } from "@/components/ui/async-view";
import { Button } from "@/components/ui/button";
import { EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { tracesQuery } from "@/features/observability/api/get-traces";
import { ElsewhereNote } from "@/features/observability/components/elsewhere-note";
import { FindTrace } from "@/features/observability/components/find-trace";
import { TraceFilterForm } from "@/features/observability/components/trace-filter-form";
import { TraceList } from "@/features/observability/components/trace-list";
import { filtersOf, paramsOf } from "@/features/observability/hooks/trace-filters";
import { useDocumentTitle } from "@/lib/use-document-title";

/** The last requests, each with all that it caused. */
export function TracesPage() {
  const [params, setParams] = useSearchParams();
  const filters = filtersOf(params);
  const query = useInfiniteQuery(tracesQuery(filters));
  useDocumentTitle("Traces");
  const first = query.data?.pages[0];
  const elsewhere = first && !first.available ? first.elsewhere : "";
  return (
    <div>
      <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-4">
        <div>
          <h1 className="display text-xl">Traces</h1>
          <p className="mt-1 max-w-[60ch] text-muted">
            What each of the last requests caused, from the edge to the database and the model.
          </p>
        </div>
        <div className="w-full @3xl:w-auto">
          <FindTrace elsewhere={elsewhere} />
        </div>
      </div>
      <div className="my-6">
        {!elsewhere && (
          <TraceFilterForm
            filters={filters}
            onFilters={(chosen) => setParams(paramsOf(chosen), { replace: true })}
            services={first?.services ?? []}
          />
        )}
      </div>
      <AsyncView query={query} skeleton={<ListSkeleton />}>
        {({ pages }) => {
          if (elsewhere)
            return (
              <ElsewhereNote address={elsewhere}>
                An id from an error notice can be entered above; it is opened there.
              </ElsewhereNote>
            );
          const traces = pages.flatMap((page) => page.traces);
          if (traces.length === 0) return <Nothing />;
          return (
            <>
              <TraceList traces={traces} />
              <div className="mt-6 flex gap-3">
                <Button onClick={() => void query.refetch()} size="small">
                  Look again
                </Button>
                {query.hasNextPage && (
                  <Button onClick={() => void query.fetchNextPage()} size="small">
                    Show older ones
                  </Button>
                )}
              </div>
            </>
          );
        }}
      </AsyncView>
    </div>
  );
}

function Nothing() {
  return (
    <EmptyNote title="No trace is like this">
      <p>Ask for less, or open a page of the shop: its trace is here after a few seconds.</p>
    </EmptyNote>
  );
}

function ListSkeleton() {
  return (
    <div className="space-y-2">
      {Array.from({ length: 8 }, (_, index) => (
        <Skeleton className="h-14 w-full" key={index} />
      ))}
    </div>
  );
}
