import { expect, it } from "vitest";
import { markFindings } from "@/features/copywriting/hooks/mark-findings";

const finding = (excerpt: string) => ({ rule: "r", message: "m", excerpt });

it("cuts the text where findings quote it and loses nothing", () => {
  const text = "The best cup. It holds tea.";
  const parts = markFindings(text, [finding("tea"), finding("The best cup.")]);
  expect(parts.map((part) => part.text).join("")).toBe(text);
  expect(parts.filter((part) => part.finding !== null).map((part) => [part.finding, part.text])).toEqual([
    [1, "The best cup."],
    [0, "tea"],
  ]);
});

it("leaves out quotes that overlap, are empty or are not there", () => {
  const parts = markFindings("abcdef", [finding("abc"), finding("cde"), finding(""), finding("xyz")]);
  expect(parts.filter((part) => part.finding !== null)).toHaveLength(1);
});
