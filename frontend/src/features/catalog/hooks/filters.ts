import type { FacetField } from "@/api/types";
import { formatMoneyShort } from "@/lib/format";
import { terms } from "@/config/env";

/** What narrows a list. It lives in the address, so that a list can be shared and the back button works. */
export interface Filters {
  category: string[];
  brand: string[];
  minPrice: number | null;
  maxPrice: number | null;
  minRating: number | null;
  inStock: boolean;
  reduced: boolean;
  order: string;
}

export const ORDERS = [
  ["", "Best match"],
  ["newest", "Newest"],
  ["price", "Price, low to high"],
  ["-price", "Price, high to low"],
  ["rating", "Best rated"],
] as const;

const wholeNumber = (raw: string | null): number | null =>
  raw && /^\d+(\.\d+)?$/.test(raw) ? Number(raw) : null;

export function readFilters(params: URLSearchParams): Filters {
  return {
    category: params.getAll("category"),
    brand: params.getAll("brand"),
    minPrice: wholeNumber(params.get("min_price")),
    maxPrice: wholeNumber(params.get("max_price")),
    minRating: wholeNumber(params.get("min_rating")),
    inStock: params.get("in_stock") === "true",
    reduced: params.get("reduced") === "true",
    order: params.get("order") ?? "",
  };
}

export function filterParams(filters: Filters): Record<string, string | number | string[] | undefined> {
  return {
    category: filters.category,
    brand: filters.brand,
    min_price: filters.minPrice ?? undefined,
    max_price: filters.maxPrice ?? undefined,
    min_rating: filters.minRating ?? undefined,
    in_stock: filters.inStock ? "true" : undefined,
    reduced: filters.reduced ? "true" : undefined,
    order: filters.order || undefined,
  };
}

export function writeFilters(filters: Filters, query?: string): URLSearchParams {
  const params = new URLSearchParams();
  if (query) params.set("q", query);
  for (const [key, value] of Object.entries(filterParams(filters))) {
    if (Array.isArray(value)) value.forEach((each) => params.append(key, each));
    else if (value !== undefined) params.set(key, String(value));
  }
  return params;
}

/** "2500-5000", "0-2500" and "10000-" all name a span of prices in minor units. */
export function parseSpan(value: string): { min: number | null; max: number | null } {
  const [low = "", high = ""] = value.split(/-|\.\.|:|_/);
  const min = wholeNumber(low);
  return { min: min === 0 ? null : min, max: wholeNumber(high) };
}

export function isChosen(filters: Filters, field: FacetField, value: string): boolean {
  switch (field) {
    case "category":
    case "brand":
      return filters[field].includes(value);
    case "price": {
      const span = parseSpan(value);
      return (
        (span.min !== null || span.max !== null) &&
        span.min === filters.minPrice &&
        span.max === filters.maxPrice
      );
    }
    case "rating":
      return filters.minRating !== null && filters.minRating === wholeNumber(value);
    case "availability":
      return value === "reduced" ? filters.reduced : filters.inStock;
  }
}

const toggled = (list: string[], value: string): string[] =>
  list.includes(value) ? list.filter((each) => each !== value) : [...list, value];

export function toggle(filters: Filters, field: FacetField, value: string): Filters {
  const chosen = isChosen(filters, field, value);
  switch (field) {
    case "category":
    case "brand":
      return { ...filters, [field]: toggled(filters[field], value) };
    case "price": {
      const span = chosen ? { min: null, max: null } : parseSpan(value);
      return { ...filters, minPrice: span.min, maxPrice: span.max };
    }
    case "rating":
      return { ...filters, minRating: chosen ? null : wholeNumber(value) };
    case "availability":
      return value === "reduced"
        ? { ...filters, reduced: !filters.reduced }
        : { ...filters, inStock: !filters.inStock };
  }
}

export function cleared(filters: Filters): Filters {
  return { ...readFilters(new URLSearchParams()), order: filters.order };
}

export interface Chip {
  label: string;
  without: Filters;
}

/** What was chosen, each with the filters that remain when it is taken back. */
export function chipsOf(filters: Filters, labelFor: (field: FacetField, value: string) => string): Chip[] {
  const chips: Chip[] = [];
  for (const field of ["category", "brand"] as const) {
    for (const value of filters[field]) {
      chips.push({ label: labelFor(field, value), without: toggle(filters, field, value) });
    }
  }
  if (filters.minPrice !== null || filters.maxPrice !== null) {
    chips.push({
      label: spanLabel(filters.minPrice, filters.maxPrice),
      without: { ...filters, minPrice: null, maxPrice: null },
    });
  }
  if (filters.minRating !== null) {
    chips.push({
      label: `${String(filters.minRating)} stars and up`,
      without: { ...filters, minRating: null },
    });
  }
  if (filters.inStock) chips.push({ label: "In stock", without: { ...filters, inStock: false } });
  if (filters.reduced) chips.push({ label: "Reduced", without: { ...filters, reduced: false } });
  return chips;
}

function spanLabel(min: number | null, max: number | null): string {
  const text = (minor: number) => formatMoneyShort({ currency: terms.currency, minor });
  if (min === null) return `Under ${text(max ?? 0)}`;
  if (max === null) return `${text(min)} and over`;
  return `${text(min)} to ${text(max)}`;
}
