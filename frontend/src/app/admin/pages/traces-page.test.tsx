import { fireEvent, screen, waitFor } from "@testing-library/react";
import { Route, Routes } from "react-router";
import { beforeEach, expect, it, vi } from "vitest";
import type { Traces } from "@/api/staff-types";
import { TracesPage } from "@/app/admin/pages/traces-page";
import { get } from "@/lib/http";
import { ProblemError } from "@/lib/problem";
import { renderInApp } from "@/testing/render";
import { makeTraces, makeTraceSummary } from "@/testing/telemetry-factories";

vi.mock("@/lib/http", () => ({ get: vi.fn() }));

let answer: Traces;

beforeEach(() => {
  vi.clearAllMocks();
  answer = makeTraces();
  vi.mocked(get).mockImplementation(() => Promise.resolve(answer));
});

const asked = () => vi.mocked(get).mock.lastCall?.[1]?.params as Record<string, unknown>;

function show(address = "/admin/traces") {
  return renderInApp(
    <Routes>
      <Route element={<TracesPage />} path="/admin/traces" />
      <Route element={<p>One trace</p>} path="/admin/traces/:traceId" />
    </Routes>,
    address,
  );
}

it("lists traces by what was asked, who took part, how long it took and whether it failed", async () => {
  answer = makeTraces({
    traces: [
      makeTraceSummary({ services: ["bff", "bff-proxy", "edge"], span_count: 12 }),
      makeTraceSummary({
        trace_id: "b2".repeat(16),
        root: "aisle.chat.v1.ChatService/SendMessage",
        error_count: 1,
      }),
    ],
  });
  show();
  const [search, chat] = await screen.findAllByRole("link");
  expect(search).toHaveAttribute("href", `/admin/traces/${"a1".repeat(16)}`);
  expect(search).toHaveTextContent("12 spans · bff, edge");
  expect(search).toHaveTextContent("None failed");
  expect(chat).toHaveTextContent("ChatService/SendMessage");
  expect(chat).toHaveTextContent("1 span failed");
});

it("takes what is looked for from the address and asks for it", async () => {
  show("/admin/traces?service=gone&method=Search&min_ms=500&errors=1");
  await screen.findByRole("link");
  expect(asked()).toEqual({ service: "gone", method: "Search", min_ms: 500, errors_only: true });
  expect(screen.getByLabelText("Service")).toHaveValue("gone");
  expect(screen.getByLabelText("Method or route contains")).toHaveValue("Search");
  expect(screen.getByLabelText("Took at least")).toHaveValue("500");
  expect(screen.getByLabelText("Failed only")).toBeChecked();
  fireEvent.click(screen.getByLabelText("Failed only"));
  fireEvent.change(screen.getByLabelText("Service"), { target: { value: "" } });
  await waitFor(() => expect(asked()).toEqual({ method: "Search", min_ms: 500 }));
});

it("says that it looks, that there is nothing, and what went wrong", async () => {
  answer = makeTraces({ traces: [] });
  const { unmount } = show();
  expect(screen.getByText("Loading")).toBeInTheDocument();
  expect(await screen.findByText("No trace is like this")).toBeInTheDocument();
  unmount();
  vi.mocked(get).mockRejectedValue(
    new ProblemError({ type: "", title: "Away", status: 503, detail: "Why", reason: "", request_id: "r1" }),
  );
  show();
  expect(await screen.findByRole("alert")).toHaveTextContent("Request id r1");
  expect(screen.getByRole("button", { name: "Try again" })).toBeInTheDocument();
});

it("shows older ones below", async () => {
  answer = makeTraces({ next_page_token: "more" });
  show();
  fireEvent.click(await screen.findByRole("button", { name: "Show older ones" }));
  await waitFor(() => expect(asked()).toEqual({ page_token: "more" }));
});

it("opens a trace by the id somebody quotes, and says what an id looks like", async () => {
  show();
  const field = screen.getByLabelText("Trace id");
  fireEvent.change(field, { target: { value: "12" } });
  fireEvent.click(screen.getByRole("button", { name: "Open" }));
  expect(screen.getByRole("alert")).toHaveTextContent("A trace id has 32 digits");
  expect(field).toHaveAttribute("aria-invalid", "true");
  fireEvent.change(field, { target: { value: `00-${"a1".repeat(16)}-${"b".repeat(16)}-01` } });
  fireEvent.click(screen.getByRole("button", { name: "Open" }));
  expect(await screen.findByText("One trace")).toBeInTheDocument();
});

it("leads elsewhere where traces are kept elsewhere", async () => {
  const opened = vi.spyOn(window, "open").mockReturnValue(null);
  answer = makeTraces({ available: false, elsewhere: "https://console.example/xray/{xray_id}", traces: [] });
  show();
  expect(await screen.findByRole("link", { name: "console.example" })).toHaveAttribute(
    "href",
    "https://console.example",
  );
  expect(screen.queryByLabelText("Took at least")).not.toBeInTheDocument();
  fireEvent.change(screen.getByLabelText("Trace id"), { target: { value: "a1".repeat(16) } });
  fireEvent.click(screen.getByRole("button", { name: "Open" }));
  expect(opened.mock.lastCall?.[0]).toBe(`https://console.example/xray/1-a1a1a1a1-${"a1".repeat(12)}`);
});
