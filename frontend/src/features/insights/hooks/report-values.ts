import type { Cell, Report } from "@/api/staff-types";
import { terms } from "@/config/env";
import { formatDay, formatMoney, formatNumber, formatPercent, labelOf } from "@/lib/format";

const IS_MINOR = /_minor$/;

/** A cell as a number to draw; money counts in whole units. */
export function numberOf(cell: Cell | undefined, column = ""): number {
  if (typeof cell === "number") return IS_MINOR.test(column) ? cell / 100 : cell;
  const parsed = Number(cell);
  return Number.isFinite(parsed) ? parsed : 0;
}

const IS_SHARE = /share|rate|conversion/;
const IS_DAY = /^\d{4}-\d{2}-\d{2}/;

/** A cell as words to read. */
export function textOf(cell: Cell | undefined, column = ""): string {
  if (cell === null || cell === undefined) return "–";
  if (typeof cell === "string") return IS_DAY.test(cell) ? formatDay(cell) : cell;
  if (IS_MINOR.test(column)) return formatMoney({ currency: terms.currency, minor: cell });
  if (IS_SHARE.test(column) && cell <= 1) return formatPercent(cell);
  return formatNumber(cell);
}

/** Counted things by the name the house gives them. */
const WORDS: Record<string, string> = {
  visit: "Came in",
  product_view: "Looked at a product",
  product_views: "Looks at products",
  add_to_cart: "Put something in the basket",
  add_to_carts: "Put in a basket",
  purchase: "Bought",
  views: "Looks",
};

export const wordsOf = (key: string): string => WORDS[key] ?? labelOf(key);

export const columnLabel = (column: string): string =>
  wordsOf(column.replace(/_minor$/, "").replace(/_count$/, ""));

/** Columns that hold something to draw. */
export function drawable(report: Report): number[] {
  return report.columns
    .map((_, index) => index)
    .filter((index) => index > 0 && report.rows.some((row) => typeof row[index] === "number"));
}

export interface Change {
  share: number;
  text: string;
  better: boolean | null;
}

/** How much more or less than before; null when there is nothing to compare with. */
export function changeOf(now: number, before: number): Change | null {
  if (before === 0) return null;
  const share = (now - before) / before;
  const sign = share > 0 ? "+" : "";
  return { share, text: `${sign}${formatPercent(share)}`, better: share === 0 ? null : share > 0 };
}

/** Round steps for an axis: never more than `count`, always from zero. */
export function ticks(max: number, count = 4): number[] {
  if (max <= 0) return [0, 1];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? 10 * power;
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, index) => index * step);
}
