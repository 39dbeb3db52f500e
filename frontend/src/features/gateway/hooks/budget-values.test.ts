import { expect, it } from "vitest";
import { readBudget } from "@/features/gateway/hooks/budget-values";

function formOf(values: Record<string, string>): FormData {
  const form = new FormData();
  const whole = { kind: "tenant", scope: "one", subject: "shop", window: "month", dollars: "", tokens: "" };
  for (const [name, value] of Object.entries({ ...whole, ...values })) form.set(name, value);
  return form;
}

it("needs a limit, and takes 0 for one", () => {
  expect(readBudget(formOf({}))).toHaveProperty("mistakes.form");
  expect(readBudget(formOf({ tokens: "0" }))).toHaveProperty("budget.tokens", 0);
});

it("names subjects as the gateway does", () => {
  expect(readBudget(formOf({ tokens: "1" }))).toHaveProperty("budget.subject", "tenants/shop");
  const key = { kind: "api_key", subject: "k1", tokens: "1" };
  expect(readBudget(formOf(key))).toHaveProperty("budget.subject", "apiKeys/k1");
  expect(readBudget(formOf({ scope: "*", tokens: "1" }))).toHaveProperty("budget.subject", "*");
});

it.each([
  [{ dollars: "1,000" }, "micros"],
  [{ dollars: "2000000" }, "micros"],
  [{ tokens: "1.5" }, "tokens"],
  [{ tokens: "-1" }, "tokens"],
  [{ tokens: "1", subject: "" }, "subject"],
  [{ tokens: "1", subject: "Team A" }, "subject"],
])("refuses %j", (values, field) => {
  expect(readBudget(formOf(values))).toHaveProperty(`mistakes.${field}`);
});

it("reads thousands written with commas", () => {
  expect(readBudget(formOf({ tokens: "1,000,000" }))).toHaveProperty("budget.tokens", 1_000_000);
});
