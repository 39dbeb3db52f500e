import { expect, it } from "vitest";
import { withoutEchoes } from "@/features/recommendations/hooks/reasons";
import { makeProduct } from "@/testing/factories";

const shelfOf = (...reasons: string[]) => ({
  id: "popular",
  title: "What others like this month",
  anchor_product_id: null,
  items: reasons.map((reason, index) => ({ reason, product: makeProduct({ id: `p${String(index)}` }) })),
});
const said = (...reasons: string[]) => withoutEchoes(shelfOf(...reasons)).items.map((item) => item.reason);

it("leaves unsaid what holds for the whole shelf", () => {
  expect(said("Popular this month", "Popular this month")).toEqual(["", ""]);
});

it("says a shared reason at the first thing it is about", () => {
  expect(said("Goes with tea", "Goes with wool", "Goes with tea")).toEqual([
    "Goes with tea",
    "Goes with wool",
    "",
  ]);
});
