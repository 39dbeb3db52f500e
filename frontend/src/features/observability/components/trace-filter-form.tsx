import { Field, SelectField } from "@/components/ui/field";
import type { TraceFilters } from "@/features/observability/hooks/trace-filters";

interface TraceFilterFormProps {
  filters: TraceFilters;
  services: string[];
  onFilters: (filters: TraceFilters) => void;
}

const TIMES = [0, 10, 50, 100, 500, 1000, 5000];

/** Narrows the list; each choice holds at once. */
export function TraceFilterForm({ filters, services, onFilters }: TraceFilterFormProps) {
  const offered =
    filters.service && !services.includes(filters.service) ? [filters.service, ...services] : services;
  return (
    <div className="grid grid-cols-2 gap-x-4 gap-y-3 @3xl:grid-cols-[12rem_minmax(0,1fr)_11rem_auto]">
      <SelectField
        label="Service"
        onChange={(event) => onFilters({ ...filters, service: event.target.value })}
        value={filters.service}
      >
        <option value="">Any</option>
        {offered.map((service) => (
          <option key={service}>{service}</option>
        ))}
      </SelectField>
      <Field
        defaultValue={filters.method}
        key={filters.method}
        label="Method or route contains"
        onBlur={(event) => onFilters({ ...filters, method: event.target.value.trim() })}
        onKeyDown={(event) => {
          if (event.key === "Enter") onFilters({ ...filters, method: event.currentTarget.value.trim() });
        }}
        placeholder="SearchProducts"
        type="search"
      />
      <SelectField
        label="Took at least"
        onChange={(event) => onFilters({ ...filters, minMs: Number(event.target.value) })}
        value={filters.minMs}
      >
        {TIMES.map((ms) => (
          <option key={ms} value={ms}>
            {ms === 0 ? "Any time" : ms < 1000 ? `${ms} ms` : `${ms / 1000} s`}
          </option>
        ))}
      </SelectField>
      <label className="flex h-11 items-center gap-2 self-end">
        <input
          checked={filters.errorsOnly}
          className="size-4 accent-ember"
          onChange={(event) => onFilters({ ...filters, errorsOnly: event.target.checked })}
          type="checkbox"
        />
        Failed only
      </label>
    </div>
  );
}
