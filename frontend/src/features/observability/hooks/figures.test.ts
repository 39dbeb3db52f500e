import { expect, it } from "vitest";
import {
  busiestOf,
  figureGroupsOf,
  formatRate,
  labelOfFigure,
  minutesIn,
  valueOfFigure,
} from "@/features/observability/hooks/figures";
import { makeFigure, makeHealth, makeOperation } from "@/testing/telemetry-factories";

it.each([
  ["aisle.llm.cost", { value: 1_250_000 }, "$1.25"],
  ["aisle.mesh.acknowledge.duration", { highest: 0.092 }, "92 ms"],
  ["aisle.events.oldest_age", { value: 75 }, "75 s"],
  ["aisle.llm.usage.spool.size", { value: 1500 }, "1.5K B"],
  ["gen_ai.client.token.usage", { value: 107_804 }, "107,804"],
])("says %s with its unit", (metric, change, text) => {
  expect(valueOfFigure(makeFigure({ metric, ...change }))).toBe(text);
});

it("names a figure with what tells it from others", () => {
  const figure = makeFigure({ metric: "aisle.mesh.proxies", attributes: { "aisle.mesh.state": "in_sync" } });
  expect(labelOfFigure(figure)).toBe("Proxies · in sync");
  expect(labelOfFigure(makeFigure({ metric: "aisle.new", attributes: { why: "" } }))).toBe("aisle.new");
});

it("groups figures in an order that stays, without groups nobody told of", () => {
  const used = (service: string) =>
    makeFigure({ metric: "db.client.connections.usage", attributes: { "service.name": service } });
  const groups = figureGroupsOf([used("product"), makeFigure(), used("bff")]);
  expect(groups.map(({ title, lines }) => [title, lines.map(labelOfFigure)])).toEqual([
    ["Queues", ["Events not dealt with"]],
    ["Connections to PostgreSQL", ["Connections · bff", "Connections · product"]],
  ]);
});

it.each([
  [0, "0.0"],
  [0.04, "< 0.1"],
  [2, "2.0"],
  [1234.5, "1,235"],
])("says %d a minute as %s", (rate, text) => {
  expect(formatRate(rate)).toBe(text);
});

it("takes the time from what is shown", () => {
  expect(minutesIn(makeHealth())).toBe(15);
  expect(minutesIn(makeHealth({ routes: [], step_seconds: 0 }))).toBeGreaterThan(0);
});

it("looks at the interface, not at pages and files", () => {
  const routes = [makeOperation({ name: "" }), makeOperation({ name: "/media/{key}" }), makeOperation()];
  expect(busiestOf(makeHealth({ routes }))?.name).toBe("/api/v1/products/search");
  expect(busiestOf(makeHealth({ routes: [] }))).toBeUndefined();
});
