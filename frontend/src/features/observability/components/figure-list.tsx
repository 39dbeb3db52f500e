import type { Figure } from "@/api/staff-types";
import { Spark } from "@/features/observability/components/spark";
import { figureGroupsOf, labelOfFigure, valueOfFigure } from "@/features/observability/hooks/figures";

/** What is neither a rate nor a time, by what it tells about; nothing is shown that was never told. */
export function FigureList({ figures }: { figures: Figure[] }) {
  return (
    <div className="grid gap-x-12 gap-y-10 @3xl:grid-cols-2">
      {figureGroupsOf(figures).map(({ title, lines }) => (
        <section aria-label={title} key={title}>
          <h2 className="mb-2 font-semibold">{title}</h2>
          <dl className="figures text-sm">
            {lines.map((line) => (
              <div
                className="grid grid-cols-[minmax(0,1fr)_3.5rem_5rem] items-center gap-x-3 border-b border-line py-1.5 @3xl:grid-cols-[minmax(0,1fr)_6rem_6rem] @3xl:gap-x-4"
                key={line.metric + JSON.stringify(line.attributes)}
              >
                <dt className="min-w-0 wrap-anywhere">{labelOfFigure(line)}</dt>
                <dd aria-hidden="true">
                  <Spark counts={line.points} />
                </dd>
                <dd className="text-right">{valueOfFigure(line)}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
