import type { Money } from "@/api/types";
import { terms } from "@/config/env";

const moneyFormats = new Map<string, Intl.NumberFormat>();

function moneyFormat(currency: string): Intl.NumberFormat {
  let format = moneyFormats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat(terms.locale, { style: "currency", currency });
    moneyFormats.set(currency, format);
  }
  return format;
}

function digits(currency: string): number {
  return moneyFormat(currency).resolvedOptions().maximumFractionDigits ?? 2;
}

/** "€49.00"; the currency itself says how many minor units make a whole. */
export function formatMoney(money: Money): string {
  return moneyFormat(money.currency).format(money.minor / 10 ** digits(money.currency));
}

/** "€49" when nothing is lost by leaving the cents out. */
export function formatMoneyShort(money: Money): string {
  const whole = money.minor / 10 ** digits(money.currency);
  if (!Number.isInteger(whole)) return formatMoney(money);
  return new Intl.NumberFormat(terms.locale, {
    style: "currency",
    currency: money.currency,
    maximumFractionDigits: 0,
  }).format(whole);
}

/** "49.00" -> 4900; null when it is no amount. Takes a comma as well as a point. */
export function parseMinor(text: string, currency: string = terms.currency): number | null {
  const cleaned = text.replace(/[\s\u00a0€$£]/g, "").replace(",", ".");
  if (!/^\d+(\.\d+)?$/.test(cleaned)) return null;
  return Math.round(Number(cleaned) * 10 ** digits(currency));
}

/** 4900 -> "49.00", for an input field. */
export function minorToText(minor: number, currency: string = terms.currency): string {
  const places = digits(currency);
  return (minor / 10 ** places).toFixed(places);
}

/** How much less than before, in whole percent; null when it is not less. */
export function discountPercent(price: Money, listPrice: Money | null): number | null {
  if (!listPrice || listPrice.currency !== price.currency || listPrice.minor <= price.minor) return null;
  return Math.round((1 - price.minor / listPrice.minor) * 100);
}

export function formatNumber(value: number): string {
  return new Intl.NumberFormat(terms.locale).format(value);
}

export function formatCompact(value: number): string {
  return new Intl.NumberFormat(terms.locale, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

export function formatPercent(share: number, places = 1): string {
  return new Intl.NumberFormat(terms.locale, {
    style: "percent",
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  }).format(share);
}

export function formatDate(iso: string): string {
  return new Intl.DateTimeFormat(terms.locale, { day: "numeric", month: "long", year: "numeric" }).format(
    new Date(iso),
  );
}

export function formatDay(iso: string): string {
  return new Intl.DateTimeFormat(terms.locale, { day: "numeric", month: "short", timeZone: "UTC" }).format(
    new Date(iso),
  );
}

export function plural(count: number, one: string, many: string): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

/** "heat_setting" -> "Heat setting". */
export function labelOf(key: string): string {
  const words = key.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The tint a category names, as a CSS value; an unknown name falls back to the first. */
export function tintOf(tint: string | undefined): string {
  const known = /^sand-([1-9]|1[0-2])$/.test(tint ?? "") ? tint : "sand-1";
  return `var(--tint-${known})`;
}
