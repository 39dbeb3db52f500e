import { useQuery } from "@tanstack/react-query";
import type { UsageBy } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { DegradedNote, EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { SpanPicker } from "@/components/ui/span-picker";
import { usageQuery } from "@/features/gateway/api/get-usage";
import { newestKeysQuery } from "@/features/gateway/api/list-keys";
import { UsageTable } from "@/features/gateway/components/usage-table";
import { UsageTotals } from "@/features/gateway/components/usage-totals";
import { GROUPS } from "@/features/gateway/hooks/usage-values";
import { cx } from "@/lib/class-names";
import { formatDate } from "@/lib/format";

interface UsagePanelProps {
  days: number;
  by: UsageBy;
  onDays: (days: number) => void;
  onBy: (by: UsageBy) => void;
}

/** What calls to models cost, saved and took, all together and by group. */
export function UsagePanel({ days, by, onDays, onBy }: UsagePanelProps) {
  const query = useQuery(usageQuery(days, by));
  const { data: keys } = useQuery({ ...newestKeysQuery, enabled: by === "api_key" });
  return (
    <div className="space-y-8">
      <SpanPicker days={days} onDays={onDays} />
      <AsyncView
        empty={
          <EmptyNote title="No model was called yet">
            <p>As soon as somebody asks the assistant or has a description written, the figures fill up.</p>
          </EmptyNote>
        }
        isEmpty={({ report }) => report.total.calls === 0}
        query={query}
        skeleton={<UsageSkeleton />}
      >
        {({ report, by: shownBy }) => (
          <div
            aria-busy={query.isPlaceholderData || undefined}
            className={cx("space-y-12 transition-opacity", query.isPlaceholderData && "opacity-60")}
          >
            <UsageTotals total={report.total} />
            <section aria-labelledby="usage-groups">
              <div className="mb-2 flex flex-wrap items-center justify-between gap-x-6 gap-y-2">
                <h2 className="font-semibold" id="usage-groups">
                  Where it went
                </h2>
                <label className="flex items-center gap-2 text-xs text-muted">
                  Grouped by
                  <select
                    className="h-9 rounded-sm border border-line-strong bg-surface px-3 text-sm text-ink hover:border-ink"
                    onChange={(event) => onBy(event.target.value as UsageBy)}
                    value={by}
                  >
                    {GROUPS.map(([value, label]) => (
                      <option key={value} value={value}>
                        {label}
                      </option>
                    ))}
                  </select>
                </label>
              </div>
              <p className="mb-4 max-w-[70ch] text-xs text-muted">
                From {formatDate(report.start_time)} until now. Times are of calls that ended well, so a call
                that failed never looks like a fast one.
              </p>
              {report.truncated && (
                <div className="mb-4">
                  <DegradedNote>
                    There are more groups than fit; the dearest are listed, and the figures above count all.
                  </DegradedNote>
                </div>
              )}
              <UsageTable by={shownBy} keys={keys} rows={report.rows} />
            </section>
          </div>
        )}
      </AsyncView>
    </div>
  );
}

function UsageSkeleton() {
  return (
    <div className="space-y-12">
      <div className="grid gap-8 @2xl:grid-cols-2 @4xl:grid-cols-3 @4xl:gap-x-12">
        {Array.from({ length: 6 }, (_, index) => (
          <Skeleton className={index < 3 ? "h-32" : "h-24"} key={index} />
        ))}
      </div>
      <Skeleton className="h-64" />
    </div>
  );
}
