import { describe, expect, it } from "vitest";
import {
  changeOf,
  columnLabel,
  drawable,
  numberOf,
  textOf,
  ticks,
} from "@/features/insights/hooks/report-values";

describe("cells", () => {
  it("read money of columns that count in cents", () => {
    expect(textOf(4900, "revenue_minor")).toBe("€49.00");
    expect(numberOf(4900, "revenue_minor")).toBe(49);
    expect(columnLabel("revenue_minor")).toBe("Revenue");
  });

  it("read days, shares and gaps", () => {
    expect(textOf("2026-11-23")).toBe("23 Nov");
    expect(textOf(0.162, "share")).toBe("16.2%");
    expect(textOf(null)).toBe("–");
  });

  it("draw only what is a number", () => {
    const report = {
      columns: ["query", "searches", "note"],
      rows: [["tea", 3, "x"]],
      start_time: "",
      end_time: "",
      pending_count: 0,
    };
    expect(drawable(report)).toEqual([1]);
  });
});

it("compares with before, and with nothing says nothing", () => {
  expect(changeOf(110, 100)).toMatchObject({ text: "+10.0%", better: true });
  expect(changeOf(90, 100)?.better).toBe(false);
  expect(changeOf(5, 0)).toBeNull();
});

it.each([0, 1, 3, 7, 99, 314, 12345])("has round steps that cover %d", (max) => {
  const steps = ticks(max);
  expect(steps[0]).toBe(0);
  expect(steps.at(-1)).toBeGreaterThanOrEqual(max);
  expect(steps.length).toBeLessThanOrEqual(6);
});
