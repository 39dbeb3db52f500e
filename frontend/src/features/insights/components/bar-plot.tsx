import { Link } from "react-router";
import type { Report } from "@/api/staff-types";
import { pages } from "@/config/paths";
import { columnLabel, drawable, numberOf, textOf } from "@/features/insights/hooks/report-values";

/** The most of something, longest bar first. */
export function BarPlot({ report, kind }: { report: Report; kind: "product" | "search" }) {
  const column = drawable(report)[0] ?? 1;
  const name = report.columns[column];
  const rows = [...report.rows].sort((a, b) => numberOf(b[column], name) - numberOf(a[column], name));
  const most = Math.max(...report.rows.map((row) => numberOf(row[column], report.columns[column])), 1);
  return (
    <div>
      <p className="mb-2 text-right text-xs text-muted">{columnLabel(report.columns[column] ?? "")}</p>
      <ol className="space-y-2">
        {rows.map((row) => {
          const key = String(row[0]);
          const product = report.products?.[key];
          return (
            <li className="grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4" key={key}>
              <div className="flex min-w-0 items-center gap-3">
                {product?.image_uri && (
                  <img
                    alt=""
                    className="size-8 rounded-sm object-cover"
                    height={32}
                    loading="lazy"
                    src={product.image_uri}
                    width={32}
                  />
                )}
                <div className="min-w-0 flex-1">
                  <Link
                    className="block truncate hover:underline"
                    to={kind === "product" ? pages.product(key) : pages.search(key)}
                  >
                    {product?.title ?? key}
                  </Link>
                  <svg
                    aria-hidden="true"
                    className="mt-1 block h-1 w-full"
                    preserveAspectRatio="none"
                    viewBox="0 0 100 1"
                  >
                    <rect fill="var(--sunk)" height={1} width={100} />
                    <rect
                      fill="var(--ember)"
                      height={1}
                      width={(numberOf(row[column], report.columns[column]) / most) * 100}
                    />
                  </svg>
                </div>
              </div>
              <span className="figures text-right text-muted">
                {textOf(row[column], report.columns[column])}
              </span>
            </li>
          );
        })}
      </ol>
    </div>
  );
}
