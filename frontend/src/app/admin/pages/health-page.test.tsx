import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import type { Health } from "@/api/staff-types";
import { HealthPage } from "@/app/admin/pages/health-page";
import { get } from "@/lib/http";
import { ProblemError } from "@/lib/problem";
import { renderInApp } from "@/testing/render";
import { makeFigure, makeHealth, makeOperation } from "@/testing/telemetry-factories";

vi.mock("@/lib/http", () => ({ get: vi.fn() }));

let answer: Health;

beforeEach(() => {
  vi.clearAllMocks();
  answer = makeHealth();
  vi.mocked(get).mockImplementation(() => Promise.resolve(answer));
});

const show = (address = "/admin/health") => renderInApp(<HealthPage />, address);
const number = (label: string) => screen.getByText(label).nextSibling;

it("sums up what says whether anything has to be done", async () => {
  answer = makeHealth({
    routes: [makeOperation({ count: 27, errors: 3 }), makeOperation({ name: "", count: 3 })],
    figures: [
      makeFigure({ metric: "aisle.events.oldest_age", value: 75 }),
      makeFigure({ metric: "aisle.mesh.proxies", attributes: { "aisle.mesh.state": "behind" }, value: 2 }),
    ],
  });
  show();
  await screen.findByText("Requests a minute");
  expect(number("Requests a minute")).toHaveTextContent("2.0");
  expect(number("Requests failed")).toHaveTextContent("10.0%");
  expect(number("Requests failed")).toHaveClass("text-brick-ink");
  expect(number("95 % of /api/v1/products/search below")).toHaveTextContent("80 ms");
  expect(number("Oldest event waiting")).toHaveTextContent("75 s");
  expect(number("Proxies behind")).toHaveTextContent("2");
});

it("tells rates, failures and times of each route, and leads to its traces", async () => {
  answer = makeHealth({
    routes: [makeOperation({ count: 30, errors: 3 })],
    models: [makeOperation({ service: "models/small", name: "chat" })],
  });
  show();
  const row = within(await screen.findByRole("row", { name: /^\/api\/v1\/products\/search/ }));
  expect(row.getAllByRole("cell").map((cell) => cell.textContent)).toEqual([
    "2.0",
    "",
    "10.0%",
    "20 ms",
    "80 ms",
    "120 ms",
  ]);
  expect(row.getByRole("link")).toHaveAttribute(
    "href",
    "/admin/traces?method=%2Fapi%2Fv1%2Fproducts%2Fsearch",
  );
  expect(screen.getByRole("row", { name: /^models\/small/ })).toBeInTheDocument();
});

it("takes the time from the address, and keeps figures of the old one apart until the new are here", async () => {
  show("/admin/health?minutes=5");
  expect(await screen.findByRole("button", { name: "5 min" })).toHaveAttribute("aria-pressed", "true");
  expect(vi.mocked(get).mock.lastCall?.[1]?.params).toEqual({ minutes: 5 });
  await screen.findByText("Requests a minute");
  vi.mocked(get).mockReturnValueOnce(new Promise(() => undefined));
  fireEvent.click(screen.getByRole("button", { name: "60 min" }));
  await waitFor(() => expect(vi.mocked(get).mock.lastCall?.[1]?.params).toEqual({ minutes: 60 }));
  // What is shown is still of the quarter of an hour it came with.
  expect(number("Requests a minute")).toHaveTextContent("2.0");
  expect(screen.getByText("Requests a minute").closest("[aria-busy=true]")).not.toBeNull();
});

it("says that it looks, that nothing was asked, and what went wrong", async () => {
  answer = makeHealth({ routes: [] });
  const { unmount } = show();
  expect(screen.getByText("Loading")).toBeInTheDocument();
  expect(await screen.findByText("Nothing was asked in this time")).toBeInTheDocument();
  unmount();
  vi.mocked(get).mockRejectedValue(
    new ProblemError({ type: "", title: "Away", status: 503, detail: "Why", reason: "", request_id: "r1" }),
  );
  show();
  expect(await screen.findByRole("alert")).toHaveTextContent("Request id r1");
});

it("leads elsewhere where metrics are kept elsewhere", async () => {
  answer = makeHealth({ available: false, elsewhere: "https://console.example/{trace_id}", routes: [] });
  show();
  expect(await screen.findByRole("link", { name: "console.example" })).toBeInTheDocument();
  expect(screen.queryByText("Requests a minute")).not.toBeInTheDocument();
});

it("says when the figures are old because nobody answers any more", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  try {
    show();
    await screen.findByText("Requests a minute");
    vi.mocked(get).mockRejectedValue(new Error("away"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await screen.findByRole("status")).toHaveTextContent("Nobody answers right now");
    expect(screen.getByText("Requests a minute")).toBeInTheDocument();
  } finally {
    vi.useRealTimers();
  }
});
