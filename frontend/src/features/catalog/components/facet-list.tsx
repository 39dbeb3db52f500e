import { useState } from "react";
import type { Facet, FacetField } from "@/api/types";
import { Skeleton } from "@/components/ui/skeleton";
import { isChosen, toggle, type Filters } from "@/features/catalog/hooks/filters";
import { formatNumber } from "@/lib/format";

const TITLES: Record<FacetField, string> = {
  category: "Department",
  price: "Price",
  rating: "Rating",
  availability: "Availability",
  brand: "Maker",
};
const ORDER: FacetField[] = ["category", "price", "availability", "rating", "brand"];
const SHOWN_AT_FIRST = 7;

/** Offered beside "in stock" also when nobody counted it; a count below zero is not shown. */
const REDUCED = { value: "reduced", label: "Reduced", count: -1 };

function withReduced(facets: Facet[]): Facet[] {
  const found = facets.some((facet) => facet.values.some((each) => each.count > 0));
  if (!found) return facets;
  return facets.map((facet) =>
    facet.field === "availability" && !facet.values.some((each) => each.value === REDUCED.value)
      ? { ...facet, values: [...facet.values, REDUCED] }
      : facet,
  );
}

interface FacetListProps {
  facets: Facet[] | undefined;
  filters: Filters;
  hide?: FacetField[];
  onChange: (filters: Filters) => void;
}

/** Ways to narrow the list, each with how many it would leave. */
export function FacetList({ facets, filters, hide = [], onChange }: FacetListProps) {
  if (!facets) return <FacetSkeleton />;
  const shown = ORDER.filter((field) => !hide.includes(field))
    .map((field) => withReduced(facets).find((facet) => facet.field === field))
    .filter((facet): facet is Facet => facet !== undefined)
    .map((facet) => ({
      ...facet,
      values: facet.values.filter((each) => each.count !== 0 || isChosen(filters, facet.field, each.value)),
    }))
    .filter((facet) => facet.values.length > 0);
  return (
    <div className="space-y-8">
      {shown.map((facet) => (
        <FacetGroup facet={facet} filters={filters} key={facet.field} onChange={onChange} />
      ))}
    </div>
  );
}

function FacetGroup({
  facet,
  filters,
  onChange,
}: Pick<FacetListProps, "filters" | "onChange"> & { facet: Facet }) {
  const [open, setOpen] = useState(false);
  const values = open ? facet.values : facet.values.slice(0, SHOWN_AT_FIRST);
  const more = facet.values.length - SHOWN_AT_FIRST;
  return (
    <fieldset>
      <legend className="mb-2 font-semibold">{TITLES[facet.field]}</legend>
      <ul>
        {values.map((value) => (
          <li key={value.value}>
            <label className="group flex min-h-8 cursor-pointer items-center gap-3 py-1 pointer-coarse:min-h-11">
              <input
                checked={isChosen(filters, facet.field, value.value)}
                className="size-4 shrink-0 accent-(--ember-fill)"
                onChange={() => onChange(toggle(filters, facet.field, value.value))}
                type="checkbox"
              />
              <span className="min-w-0 flex-1 truncate decoration-line-strong underline-offset-4 group-hover:underline">
                {value.label}
              </span>
              <span className="figures text-xs text-muted">
                {value.count < 0 ? "" : formatNumber(value.count)}
              </span>
            </label>
          </li>
        ))}
      </ul>
      {more > 0 && (
        <button className="quiet-link mt-1 text-xs text-muted" onClick={() => setOpen(!open)} type="button">
          {open ? "Show fewer" : `Show ${String(more)} more`}
        </button>
      )}
    </fieldset>
  );
}

function FacetSkeleton() {
  return (
    <div className="space-y-8">
      {[6, 4, 3].map((rows) => (
        <div className="space-y-3" key={rows}>
          <Skeleton className="h-4 w-24" />
          {Array.from({ length: rows }, (_, index) => (
            <Skeleton className="h-4 w-full" key={index} />
          ))}
        </div>
      ))}
    </div>
  );
}
