import { expect, it } from "vitest";
import { addressElsewhere } from "@/features/observability/hooks/elsewhere";
import { filtersOf, paramsOf, traceIdOf } from "@/features/observability/hooks/trace-filters";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

it("comes back from the address as it was put there", () => {
  const filters = { service: "product", method: "Search & find", minMs: 500, errorsOnly: true };
  expect(filtersOf(new URLSearchParams(paramsOf(filters).toString()))).toEqual(filters);
});

it("leaves the address bare when everything is wanted", () => {
  expect(paramsOf({ service: "", method: "", minMs: 0, errorsOnly: false }).toString()).toBe("");
});

it.each(["min_ms=abc", "min_ms=-5", "min_ms=Infinity", "errors=yes", ""])(
  "asks for all with ?%s",
  (search) => {
    expect(filtersOf(new URLSearchParams(search))).toEqual({
      service: "",
      method: "",
      minMs: 0,
      errorsOnly: false,
    });
  },
);

it.each([
  [ID, ID],
  [`  ${ID.toUpperCase()}\n`, ID],
  [`00-${ID}-00f067aa0ba902b7-01`, ID],
  [ID.slice(1), ""],
  [`${ID}0`, ""],
  ["g".repeat(32), ""],
  ["", ""],
])("finds the id in %j", (typed, found) => {
  expect(traceIdOf(typed)).toBe(found);
});

it("writes the id as the console elsewhere knows it", () => {
  expect(addressElsewhere("https://console/{trace_id}", ID)).toBe(`https://console/${ID}`);
  expect(addressElsewhere("https://xray/{xray_id}", ID)).toBe(
    "https://xray/1-4bf92f35-77b34da6a3ce929d0e0e4736",
  );
});
