import { fireEvent, screen, within } from "@testing-library/react";
import { useState } from "react";
import { expect, it } from "vitest";
import type { Trace } from "@/api/staff-types";
import { Waterfall } from "@/features/observability/components/waterfall";
import { renderInApp } from "@/testing/render";
import { makeSpan, makeTrace } from "@/testing/telemetry-factories";

const SQL = {
  "db.system": "postgresql",
  "db.statement": "SELECT id FROM products",
  "db.user": "-",
  zone: "",
};

const trace = makeTrace(
  [
    makeSpan({ span_id: "edge", ms: 200 }),
    makeSpan({
      span_id: "bff",
      parent_span_id: "edge",
      service: "bff",
      offset_ms: 10,
      ms: 150,
      failed: true,
    }),
    makeSpan({
      span_id: "sql",
      parent_span_id: "bff",
      service: "product",
      operation: "SELECT",
      offset_ms: 100,
      ms: 50,
      attributes: SQL,
      linked_traces: ["b2".repeat(16)],
    }),
  ],
  { ms: 200 },
);

function Shown({ trace }: { trace: Trace }) {
  const [open, setOpen] = useState("");
  return <Waterfall onOpen={setOpen} open={open} trace={trace} />;
}

const row = (name: string | RegExp) => screen.getByRole("button", { name });

it("nests each span in the list of whoever asked for it", () => {
  renderInApp(<Shown trace={trace} />);
  const [edge] = screen.getAllByRole("listitem");
  const [bff] = within(edge as HTMLElement).getAllByRole("listitem");
  const [sql] = within(bff as HTMLElement).getAllByRole("listitem");
  expect(within(sql as HTMLElement).getByRole("button")).toHaveAccessibleName(
    "postgresql SELECT products product 50 ms",
  );
});

it("names a row by what was done, by whom and how long, and says which failed", () => {
  renderInApp(<Shown trace={trace} />);
  expect(row("GET /api/v1/products/search edge 200 ms")).toBeInTheDocument();
  expect(row(/^GET \/api\/v1\/products\/search ?failed bff 150 ms$/)).toBeInTheDocument();
});

it("draws a bar where and as long as the span was, and keeps it inside when clocks differ", () => {
  const early = makeSpan({ span_id: "early", offset_ms: -5, ms: 500, service: "other" });
  renderInApp(<Shown trace={makeTrace([...trace.spans, early], { ms: 200 })} />);
  const bar = (name: RegExp) => row(name).querySelector<HTMLElement>("[style*=left]")?.style;
  expect(bar(/^postgresql/)).toMatchObject({ left: "50%", width: "25%" });
  expect(bar(/other/)).toMatchObject({ left: "0%", width: "100%" });
});

it("opens one span at a time with all that is known, without what says nothing", () => {
  renderInApp(<Shown trace={trace} />);
  fireEvent.click(row(/^postgresql/));
  expect(row(/^postgresql/)).toHaveAttribute("aria-expanded", "true");
  expect(screen.getByText("SELECT id FROM products")).toBeInTheDocument();
  expect(screen.queryByText("db.user")).not.toBeInTheDocument();
  expect(screen.queryByText("zone")).not.toBeInTheDocument();
  expect(screen.getByRole("link", { name: "b2b2b2b2" })).toHaveAttribute(
    "href",
    `/admin/traces/${"b2".repeat(16)}`,
  );
  fireEvent.click(row(/edge/));
  expect(screen.queryByText("SELECT id FROM products")).not.toBeInTheDocument();
  fireEvent.click(row(/edge/));
  expect(row(/edge/)).toHaveAttribute("aria-expanded", "false");
});

it("goes from row to row by arrows, and stays at the ends", () => {
  renderInApp(<Shown trace={trace} />);
  const rows = screen.getAllByRole("button");
  const press = (key: string) => fireEvent.keyDown(document.activeElement as Element, { key });
  rows[0]?.focus();
  press("ArrowDown");
  expect(rows[1]).toHaveFocus();
  press("End");
  press("ArrowDown");
  expect(rows[2]).toHaveFocus();
  press("Home");
  press("ArrowUp");
  expect(rows[0]).toHaveFocus();
});
