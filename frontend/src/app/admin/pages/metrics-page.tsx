import { useState } from "react";
import { BarPlot } from "@/features/insights/components/bar-plot";
import { DailyPlot } from "@/features/insights/components/daily-plot";
import { FunnelPlot } from "@/features/insights/components/funnel-plot";
import { KeyNumbers } from "@/features/insights/components/key-numbers";
import { ReportPanel } from "@/features/insights/components/report-panel";
import { cx } from "@/lib/class-names";
import { useDocumentTitle } from "@/lib/use-document-title";

const SPANS = [7, 30, 90];

export function MetricsPage() {
  useDocumentTitle("Metrics");
  const [days, setDays] = useState(30);
  return (
    <div className="space-y-12">
      <div className="flex flex-wrap items-center justify-between gap-4">
        <h1 className="display text-xl">Metrics</h1>
        <div aria-label="Time span" className="flex rounded-full bg-sunk p-1" role="group">
          {SPANS.map((span) => (
            <button
              aria-pressed={span === days}
              className={cx(
                "h-8 rounded-full px-4 text-xs transition-colors",
                span === days ? "bg-surface font-medium shadow-lift" : "text-muted hover:text-ink",
              )}
              key={span}
              onClick={() => setDays(span)}
              type="button"
            >
              {span} days
            </button>
          ))}
        </div>
      </div>
      <KeyNumbers days={days} />
      <div className="grid gap-12 @5xl:grid-cols-[minmax(0,7fr)_minmax(0,4fr)]">
        <ReportPanel
          days={days}
          empty="As soon as somebody visits the shop, the days fill up."
          height="h-80"
          name="daily"
          plot={(report) => <DailyPlot key={report.columns.join()} report={report} />}
          title="Day by day"
        />
        <ReportPanel
          days={days}
          empty="It needs a visit, a look and a basket to draw the way."
          name="funnel"
          plot={(report) => <FunnelPlot report={report} />}
          title="From the door to the till"
        />
      </div>
      <div className="grid gap-12 @3xl:grid-cols-2 @6xl:grid-cols-3">
        <ReportPanel
          days={days}
          empty="Nobody has looked at a product yet."
          name="top-products"
          plot={(report) => <BarPlot kind="product" report={report} />}
          title="Most looked at"
        />
        <ReportPanel
          days={days}
          empty="Nobody has searched yet."
          name="top-searches"
          plot={(report) => <BarPlot kind="search" report={report} />}
          title="Most searched for"
        />
        <ReportPanel
          days={days}
          empty="Every search found something. Keep it up."
          name="empty-searches"
          plot={(report) => <BarPlot kind="search" report={report} />}
          title="Searched for, not found"
        />
      </div>
    </div>
  );
}
