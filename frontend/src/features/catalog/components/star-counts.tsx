import { Stars } from "@/components/ui/stars";
import { formatNumber, plural } from "@/lib/format";

interface StarCountsProps {
  average: number;
  count: number;
  /** How many gave one star, two stars, … five stars. */
  counts: number[];
}

export function StarCounts({ average, count, counts }: StarCountsProps) {
  const most = Math.max(...counts, 1);
  return (
    <div>
      <p className="display figures text-3xl">{average.toFixed(1)}</p>
      <div className="mt-1 flex items-center gap-3">
        <Stars size={17} value={average} />
        <span className="text-xs text-muted">{plural(count, "review", "reviews")}</span>
      </div>
      <dl className="mt-6 space-y-2">
        {[5, 4, 3, 2, 1].map((stars) => {
          const given = counts[stars - 1] ?? 0;
          return (
            <div className="figures flex items-center gap-3 text-xs" key={stars}>
              <dt className="w-12 text-muted">{stars === 1 ? "1 star" : `${String(stars)} stars`}</dt>
              <dd className="flex flex-1 items-center gap-3">
                <span aria-hidden="true" className="h-1.5 flex-1 overflow-hidden rounded-full bg-sunk">
                  <span
                    className="block h-full rounded-full bg-ink"
                    style={{ width: `${String((given / most) * 100)}%` }}
                  />
                </span>
                <span className="w-8 text-right text-muted">{formatNumber(given)}</span>
              </dd>
            </div>
          );
        })}
      </dl>
    </div>
  );
}
