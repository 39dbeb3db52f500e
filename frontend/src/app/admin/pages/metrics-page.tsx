import { useState } from "react";
import { SpanPicker } from "@/components/ui/span-picker";
import { BarPlot } from "@/features/insights/components/bar-plot";
import { DailyPlot } from "@/features/insights/components/daily-plot";
import { FunnelPlot } from "@/features/insights/components/funnel-plot";
import { KeyNumbers } from "@/features/insights/components/key-numbers";
import { ReportPanel } from "@/features/insights/components/report-panel";
import { useDocumentTitle } from "@/lib/use-document-title";

export function MetricsPage() {
  useDocumentTitle("Metrics");
  const [days, setDays] = useState(30);
  return (
    <div className="space-y-12">
      <div className="flex flex-wrap items-center justify-between gap-4">
        <h1 className="display text-xl">Metrics</h1>
        <SpanPicker days={days} onDays={setDays} />
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
