import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Report } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { reportQuery, type ReportName } from "@/features/insights/api/get-report";
import { ReportTable } from "@/features/insights/components/report-table";

interface ReportPanelProps {
  name: ReportName;
  title: string;
  days: number;
  /** What to say when nothing was counted. */
  empty: string;
  /** Draws the plot; without it there is only the table. */
  plot?: (report: Report) => ReactNode;
  height?: string;
}

/** A plot and, one press away, the same thing as a table. */
export function ReportPanel({ name, title, days, empty, plot, height = "h-64" }: ReportPanelProps) {
  const [asTable, setAsTable] = useState(false);
  const query = useQuery(reportQuery(name, days));
  return (
    <section aria-label={title} className="min-w-0">
      <div className="mb-4 flex items-center justify-between gap-4 border-b border-line pb-2">
        <h2 className="font-semibold">{title}</h2>
        {plot && (
          <Button aria-pressed={asTable} onClick={() => setAsTable(!asTable)} size="small" tone="quiet">
            <Icon name={asTable ? "chart" : "table"} size={16} />
            {asTable ? "Show the plot" : "Show the table"}
          </Button>
        )}
      </div>
      <AsyncView
        empty={
          <EmptyNote className="py-8!" title="Nothing counted yet">
            <p>{empty}</p>
          </EmptyNote>
        }
        isEmpty={(report) => report.rows.length === 0}
        query={query}
        skeleton={<Skeleton className={height} />}
      >
        {(report) => (plot && !asTable ? plot(report) : <ReportTable report={report} title={title} />)}
      </AsyncView>
    </section>
  );
}
