import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import type { Trace } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { traceQuery } from "@/features/observability/api/get-trace";
import { Waterfall } from "@/features/observability/components/waterfall";
import { formatMs, shortOperation } from "@/features/observability/hooks/span-tree";
import { formatInstant, plural } from "@/lib/format";
import { useDocumentTitle } from "@/lib/use-document-title";

/** One request and all that it caused. */
export function TracePage() {
  const { traceId = "" } = useParams();
  const query = useQuery(traceQuery(traceId));
  useDocumentTitle("Trace");
  return (
    <div>
      <Link className="text-sm text-muted hover:underline" to={pages.admin.traces()}>
        All traces
      </Link>
      <div className="mt-2">
        <AsyncView query={query} skeleton={<Skeleton className="h-96 w-full" />}>
          {(trace) => <Shown again={() => void query.refetch()} trace={trace} />}
        </AsyncView>
      </div>
    </div>
  );
}

function Shown({ trace, again }: { trace: Trace; again: () => void }) {
  const [params, setParams] = useSearchParams();
  const { summary } = trace;
  return (
    <>
      <div className="mb-8 flex flex-wrap items-end justify-between gap-x-8 gap-y-4">
        <div className="min-w-0">
          <h1 className="display text-xl wrap-anywhere">{shortOperation(summary.root)}</h1>
          <p className="figures mt-1 text-muted">
            {formatMs(summary.ms)} · {plural(summary.span_count, "span", "spans")} ·{" "}
            {summary.error_count ? plural(summary.error_count, "failed", "failed") : "none failed"} ·{" "}
            {formatInstant(summary.start_time)}
          </p>
          <p className="mt-1 font-mono text-xs wrap-anywhere text-muted">{summary.trace_id}</p>
        </div>
        <div className="flex gap-3">
          <CopyId id={summary.trace_id} />
          <Button onClick={again} size="small">
            Look again
          </Button>
        </div>
      </div>
      <Waterfall
        onOpen={(span) => setParams(span ? { span } : {}, { replace: true, preventScrollReset: true })}
        open={params.get("span") ?? ""}
        trace={trace}
      />
    </>
  );
}

function CopyId({ id }: { id: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <Button onClick={() => void navigator.clipboard.writeText(id).then(() => setCopied(true))} size="small">
      {isCopied ? "Copied" : "Copy trace id"}
    </Button>
  );
}
