import { describe, expect, it } from "vitest";
import {
  branchesOf,
  coloursOf,
  formatMs,
  servicesInWords,
  shortOperation,
  titleOf,
  type Branch,
} from "@/features/observability/hooks/span-tree";
import { makeSpan } from "@/testing/telemetry-factories";

const named = (id: string, parent = "") => makeSpan({ span_id: id, parent_span_id: parent });
const drawn = (branches: Branch[]): string[] =>
  branches.flatMap(({ span, depth, children }) => [
    `${"-".repeat(depth)}${span.span_id}`,
    ...drawn(children),
  ]);

describe("the tree of spans", () => {
  it("puts each under whoever asked for it, in the order they came", () => {
    const spans = [named("edge"), named("bff", "edge"), named("sql", "product"), named("product", "bff")];
    expect(drawn(branchesOf([...spans, named("events", "bff")]))).toEqual([
      "edge",
      "-bff",
      "--product",
      "---sql",
      "--events",
    ]);
  });

  it("puts at the top whatever has a parent that has not arrived", () => {
    expect(drawn(branchesOf([named("product", "not-here"), named("sql", "product")]))).toEqual([
      "product",
      "-sql",
    ]);
  });

  it("draws a span that came twice once", () => {
    expect(drawn(branchesOf([named("edge"), named("bff", "edge"), named("bff", "edge")]))).toEqual([
      "edge",
      "-bff",
    ]);
  });

  it("is empty without spans", () => {
    expect(branchesOf([])).toEqual([]);
  });
});

it("gives a proxy the colour of the service it stands beside, and colours again when they are used up", () => {
  const colours = coloursOf(["bff", "bff-proxy", "edge", ..."abcdefg"]);
  expect(colours.get("bff")).toBe("var(--service-1)");
  expect(colours.get("bff-proxy")).toBe("var(--service-1)");
  expect(colours.get("edge")).toBe("var(--service-2)");
  expect(colours.get("g")).toBe("var(--service-1)");
});

it("names who took part without the proxies beside them", () => {
  expect(servicesInWords(["bff", "bff-proxy", "edge", "product-proxy"])).toBe("bff, edge, product-proxy");
});

it.each([
  ["aisle.product.v1.ProductService/SearchProducts", "ProductService/SearchProducts"],
  ["/aisle.llm.v1.LlmService/EmbedTexts", "LlmService/EmbedTexts"],
  [
    "async envoy.service.ratelimit.v3.RateLimitService.ShouldRateLimit egress",
    "RateLimitService/ShouldRateLimit",
  ],
  ["GET /api/v1/products/{product_id}", "GET /api/v1/products/{product_id}"],
  ["/api/v1/products/search", "/api/v1/products/search"],
  ["SELECT", "SELECT"],
  ["", ""],
])("shortens %s", (operation, short) => {
  expect(shortOperation(operation)).toBe(short);
});

it.each<[string, string, Record<string, string>]>([
  [
    "postgresql SELECT products",
    "SELECT",
    { "db.system": "postgresql", "db.statement": "SELECT id FROM products p" },
  ],
  [
    "postgresql INSERT messages",
    "INSERT",
    { "db.system": "postgresql", "db.statement": "INSERT INTO messages (id)" },
  ],
  ["postgresql SET", "SET", { "db.system": "postgresql", "db.statement": "SET TRANSACTION READ ONLY" }],
  ["redis MGET", "MGET", { "db.system": "redis", "db.statement": "MGET ? ?" }],
  ["milvus search items", "milvus search", { "db.system.name": "milvus", "db.collection.name": "items" }],
  ["chat models/small", "chat models/small", { "gen_ai.request.model": "models/small" }],
])("tells %s", (title, operation, attributes) => {
  expect(titleOf(makeSpan({ operation, attributes }))).toBe(title);
});

it.each([
  [0, "0 ms"],
  [0.44, "0.4 ms"],
  [9.96, "10 ms"],
  [120.4, "120 ms"],
  [999.7, "1.00 s"],
  [1234, "1.23 s"],
  [9996, "10 s"],
])("says %d ms as %s", (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});
