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

/** "26 Nov 2026, 14:05", in the reader's own time. */
export function formatMoment(iso: string): string {
  return new Intl.DateTimeFormat(terms.locale, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(iso));
}

/** "26 Nov, 14:05:12", in the reader's own time: for what happens many times a minute. */
export function formatInstant(iso: string): string {
  return new Intl.DateTimeFormat(terms.locale, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(new Date(iso));
}

const CENT_IN_MICROS = 10_000;

/** Millionths of a dollar as "$1.25"; what is less than a cent keeps two figures, "$0.00042". */
export function formatMicros(micros: number): string {
  const isTiny = micros > 0 && micros < CENT_IN_MICROS;
  return new Intl.NumberFormat(terms.locale, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    ...(isTiny ? { maximumSignificantDigits: 2 } : {}),
  }).format(micros / 1_000_000);
}

/** "12.50" or "12,5" -> 12500000; "1,000" is refused, since it can mean one or a thousand. */
export function parseMicros(text: string): number | null {
  const cleaned = text.replace(/[\s\u00a0$]/g, "");
  if (!/^\d+(\.\d{1,6}|,\d{1,2})?$/.test(cleaned)) return null;
  return Math.round(Number(cleaned.replace(",", ".")) * 1_000_000);
}

/** 12500000 -> "12.50", for an input field; nothing is lost. */
export function microsToText(micros: number): string {
  return (micros / 1_000_000).toFixed(6).replace(/(\.\d\d\d*?)0+$/, "$1");
}

/** "420 ms", "1.24 s", "12.3 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${formatNumber(Math.round(seconds * 1000))} ms`;
  const places = seconds < 10 ? 2 : 1;
  return `${formatNumber(Number(seconds.toFixed(places)))} s`;
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
