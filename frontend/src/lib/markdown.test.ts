import { describe, expect, it } from "vitest";
import { parseInline, parseMarkdown, safeHref } from "@/lib/markdown";

describe("safeHref", () => {
  it.each(["https://example.org/a", "/help/returns", "#top", "mailto:shop@example.org", "/"])(
    "keeps %s",
    (href) => {
      expect(safeHref(href)).toBe(href);
    },
  );

  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    " \u0001javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "http://example.org",
    "//evil.example",
    "/\\evil.example",
    "file:///etc/passwd",
  ])("takes the address from %j", (href) => {
    expect(safeHref(href)).toBeNull();
  });
});

describe("parseInline", () => {
  it("finds citation marks, also several in one bracket", () => {
    expect(parseInline("Yes [1], see [2, 3].")).toEqual([
      { kind: "text", text: "Yes " },
      { kind: "citation", index: 1 },
      { kind: "text", text: ", see " },
      { kind: "citation", index: 2 },
      { kind: "citation", index: 3 },
      { kind: "text", text: "." },
    ]);
  });

  it("takes marks that stand together one by one", () => {
    expect(parseInline("[1][2]")).toEqual([
      { kind: "citation", index: 1 },
      { kind: "citation", index: 2 },
    ]);
  });

  it("does not take a link for a mark, nor a long number", () => {
    expect(parseInline("[1](/help)")[0]).toMatchObject({ kind: "link", href: "/help" });
    expect(parseInline("[2026]")).toEqual([{ kind: "text", text: "[2026]" }]);
  });

  it("leaves signs inside words alone", () => {
    expect(parseInline("heat_setting_low 2*3*4")[0]).toMatchObject({ kind: "text" });
  });

  it("fetches no picture: only its words stay", () => {
    expect(parseInline("a ![secret](https://evil.example/x.png?d=1) b")).toEqual([
      { kind: "text", text: "a " },
      { kind: "text", text: "secret" },
      { kind: "text", text: " b" },
    ]);
  });

  it("keeps markup as plain text", () => {
    expect(parseInline("<img src=x onerror=alert(1)>")).toEqual([
      { kind: "text", text: "<img src=x onerror=alert(1)>" },
    ]);
  });
});

describe("parseMarkdown", () => {
  it("reads headings, lists, tables and quotes", () => {
    const kinds = parseMarkdown(
      "# A\n\ntext\nmore\n\n- a\n- b\n\n1. x\n\n> q\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n---",
    ).map((block) => block.kind);
    expect(kinds).toEqual(["heading", "paragraph", "list", "list", "quote", "table", "rule"]);
  });

  it("ends with a text of any size and shape", () => {
    expect(parseMarkdown("```\nnever closed")).toEqual([{ kind: "code", text: "never closed" }]);
    expect(parseMarkdown("|\n".repeat(2000) + "*".repeat(5000)).length).toBeGreaterThan(0);
  });
});
