import { describe, expect, it } from "vitest";
import {
  chipsOf,
  cleared,
  isChosen,
  parseSpan,
  readFilters,
  toggle,
  writeFilters,
} from "@/features/catalog/hooks/filters";

const none = readFilters(new URLSearchParams());

describe("filters in the address", () => {
  it("come back as they went in", () => {
    const address = "q=warm&category=a&category=b&min_price=2500&in_stock=true&order=price";
    expect(writeFilters(readFilters(new URLSearchParams(address)), "warm").toString()).toBe(address);
  });

  it("drop what is no number", () => {
    expect(readFilters(new URLSearchParams("min_price=abc&min_rating=-3"))).toMatchObject({
      minPrice: null,
      minRating: null,
    });
  });
});

describe("choosing", () => {
  it("puts a value in and takes it out again", () => {
    const chosen = toggle(none, "brand", "Osier");
    expect(isChosen(chosen, "brand", "Osier")).toBe(true);
    expect(toggle(chosen, "brand", "Osier").brand).toEqual([]);
  });

  it("holds one span of prices at a time", () => {
    const chosen = toggle(toggle(none, "price", "0-2500"), "price", "2500-5000");
    expect([chosen.minPrice, chosen.maxPrice]).toEqual([2500, 5000]);
    expect(isChosen(chosen, "price", "0-2500")).toBe(false);
  });

  it("reads open spans", () => {
    expect(parseSpan("10000-")).toEqual({ min: 10000, max: null });
    expect(parseSpan("-2500")).toEqual({ min: null, max: 2500 });
  });

  it("offers each choice back as a chip, and keeps the order when all are cleared", () => {
    const chosen = { ...toggle(toggle(none, "category", "mugs"), "availability", "reduced"), order: "price" };
    const chips = chipsOf(chosen, (_, value) => value);
    expect(chips.map((chip) => chip.label)).toEqual(["mugs", "Reduced"]);
    expect(chips[0]?.without.category).toEqual([]);
    expect(cleared(chosen)).toEqual({ ...none, order: "price" });
  });
});
