import { describe, expect, it } from "vitest";
import {
  discountPercent,
  formatMoney,
  formatMicros,
  formatMoneyShort,
  formatSeconds,
  labelOf,
  microsToText,
  minorToText,
  parseMicros,
  parseMinor,
  tintOf,
} from "@/lib/format";

const euros = (minor: number) => ({ currency: "EUR", minor });

describe("money", () => {
  it("shows minor units as an amount", () => {
    expect(formatMoney(euros(4900))).toBe("€49.00");
    expect(formatMoney(euros(129995))).toBe("€1,299.95");
  });

  it("lets the currency say how many minor units make a whole", () => {
    expect(formatMoney({ currency: "JPY", minor: 4900 })).toContain("4,900");
  });

  it("leaves the cents out only when there are none", () => {
    expect(formatMoneyShort(euros(5000))).toBe("€50");
    expect(formatMoneyShort(euros(490))).toBe("€4.90");
  });

  it.each([
    ["49", 4900],
    ["49.00", 4900],
    ["49,5", 4950],
    [" € 12.30 ", 1230],
    ["0.1", 10],
  ])("reads %s as %d minor units", (text, minor) => {
    expect(parseMinor(text)).toBe(minor);
  });

  it.each(["", "free", "-3", "1.2.3", "4e9"])("refuses %j as an amount", (text) => {
    expect(parseMinor(text)).toBeNull();
  });

  it("writes what it can read back", () => {
    expect(parseMinor(minorToText(123456))).toBe(123456);
  });
});

describe("discountPercent", () => {
  it("says how much less it is", () => {
    expect(discountPercent(euros(7500), euros(10000))).toBe(25);
  });

  it("says nothing when it is not less", () => {
    expect(discountPercent(euros(7500), null)).toBeNull();
    expect(discountPercent(euros(7500), euros(7500))).toBeNull();
    expect(discountPercent(euros(7500), { currency: "USD", minor: 10000 })).toBeNull();
  });
});

it("turns a key into words", () => {
  expect(labelOf("heat_setting")).toBe("Heat setting");
});

it("lets no foreign text into a style", () => {
  expect(tintOf("sand-12")).toBe("var(--tint-sand-12)");
  expect(tintOf("sand-13")).toBe("var(--tint-sand-1)");
  expect(tintOf("red; background: url(x)")).toBe("var(--tint-sand-1)");
});

describe("millionths of a dollar", () => {
  it.each([
    [0, "$0.00"],
    [1_250_000, "$1.25"],
    [420, "$0.00042"],
    [1_234_567_890, "$1,234.57"],
  ])("shows %d as %s", (micros, text) => {
    expect(formatMicros(micros)).toBe(text);
  });

  it.each([12_500_000, 0, 1, 10_000_000, 1_000_000_000_000, 1_230_400])(
    "reads back what it writes: %d",
    (micros) => {
      expect(parseMicros(microsToText(micros))).toBe(micros);
    },
  );

  it.each(["", "free", "-3", "0.0000001", "1e6", "1,000"])("refuses %j as an amount", (text) => {
    expect(parseMicros(text)).toBeNull();
  });
});

it.each([
  [0.42, "420 ms"],
  [1.236, "1.24 s"],
  [12.34, "12.3 s"],
])("shows %d seconds as %s", (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});
