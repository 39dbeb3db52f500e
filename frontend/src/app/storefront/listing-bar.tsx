import type { Facet, FacetField } from "@/api/types";
import { Button } from "@/components/ui/button";
import { ChoiceChip } from "@/components/ui/choice-chip";
import { Icon } from "@/components/ui/icon";
import { chipsOf, cleared, ORDERS, type Filters } from "@/features/catalog/hooks/filters";
import { labelOf, plural } from "@/lib/format";

interface ListingBarProps {
  total: number | undefined;
  facets: Facet[] | undefined;
  filters: Filters;
  searching: boolean;
  onChange: (filters: Filters) => void;
  onOpenFacets: () => void;
}

/** How much there is, what it was narrowed by, and in which order it stands. */
export function ListingBar({ total, facets, filters, searching, onChange, onOpenFacets }: ListingBarProps) {
  const labelFor = (field: FacetField, value: string) =>
    facets?.find((facet) => facet.field === field)?.values.find((each) => each.value === value)?.label ??
    labelOf(value);
  const chips = chipsOf(filters, labelFor);
  // A search stands in the order of its answer; only a plain list can be put in another one.
  const orders = searching ? ORDERS.slice(0, 1) : ORDERS;
  return (
    <div className="mb-6">
      <div className="flex min-h-11 flex-wrap items-center gap-2 @2xl:gap-3">
        <p aria-live="polite" className="figures mr-auto text-muted">
          {total === undefined ? "Counting" : plural(total, "thing", "things")}
        </p>
        <Button className="px-3! @4xl:hidden" onClick={onOpenFacets} size="medium">
          <Icon name="sliders" size={18} />
          Filters{chips.length > 0 && ` (${String(chips.length)})`}
        </Button>
        {orders.length > 1 && (
          <label className="relative flex items-center gap-2">
            <span className="sr-only">Order</span>
            <select
              className="h-11 cursor-pointer appearance-none rounded-full bg-transparent py-2 max-w-34 truncate @2xl:max-w-none pr-8 pl-3 hover:bg-sunk"
              onChange={(event) => onChange({ ...filters, order: event.target.value })}
              value={filters.order}
            >
              {orders.map(([value, label]) => (
                <option key={value} value={value}>
                  {value === "" ? "Our choice" : label}
                </option>
              ))}
            </select>
            <Icon className="pointer-events-none absolute right-2" name="chevron" size={16} />
          </label>
        )}
      </div>
      {chips.length > 0 && (
        <ul className="mt-2 flex flex-wrap items-center gap-2">
          {chips.map((chip) => (
            <li key={chip.label}>
              <ChoiceChip label={chip.label} onRemove={() => onChange(chip.without)} />
            </li>
          ))}
          <li>
            <button
              className="quiet-link ml-2 text-xs text-muted"
              onClick={() => onChange(cleared(filters))}
              type="button"
            >
              Clear all
            </button>
          </li>
        </ul>
      )}
    </div>
  );
}
