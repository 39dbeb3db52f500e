import { fireEvent, screen, waitFor } from "@testing-library/react";
import { Route, Routes } from "react-router";
import { beforeEach, expect, it, vi } from "vitest";
import { TracePage } from "@/app/admin/pages/trace-page";
import { get } from "@/lib/http";
import { ProblemError } from "@/lib/problem";
import { renderInApp } from "@/testing/render";
import { makeSpan, makeTrace } from "@/testing/telemetry-factories";

vi.mock("@/lib/http", () => ({ get: vi.fn() }));

const ID = "a1".repeat(16);

beforeEach(() => vi.clearAllMocks());

function show(address = `/admin/traces/${ID}`) {
  return renderInApp(
    <Routes>
      <Route element={<TracePage />} path="/admin/traces/:traceId" />
    </Routes>,
    address,
  );
}

it("asks for the trace of the address and sums it up", async () => {
  const failed = makeSpan({ span_id: "s2", parent_span_id: "s1", service: "bff", failed: true });
  vi.mocked(get).mockResolvedValue(makeTrace([makeSpan(), failed]));
  show();
  expect(screen.getByText("Loading")).toBeInTheDocument();
  expect(await screen.findByRole("heading", { level: 1 })).toHaveTextContent("GET /api/v1/products/search");
  expect(screen.getByText(/2 spans/)).toHaveTextContent("100 ms · 2 spans · 1 failed");
  expect(screen.getByText(ID)).toBeInTheDocument();
  expect(vi.mocked(get).mock.lastCall?.[0]).toBe(`/api/v1/traces/${ID}`);
});

it("looks again, since spans arrive one after another", async () => {
  vi.mocked(get).mockResolvedValueOnce(makeTrace());
  show();
  const again = await screen.findByRole("button", { name: "Look again" });
  vi.mocked(get).mockResolvedValueOnce(makeTrace([makeSpan(), makeSpan({ span_id: "s2", service: "late" })]));
  fireEvent.click(again);
  await waitFor(() => expect(screen.getByText("late")).toBeInTheDocument());
});

it("keeps the open span in the address, so that it can be passed on", async () => {
  vi.mocked(get).mockResolvedValue(makeTrace([makeSpan({ attributes: { "http.route": "/told" } })]));
  show(`/admin/traces/${ID}?span=s1`);
  expect(await screen.findByText("/told")).toBeInTheDocument();
  fireEvent.click(screen.getByRole("button", { expanded: true }));
  expect(screen.queryByText("/told")).not.toBeInTheDocument();
});

it("says that a trace is not kept, and offers another try", async () => {
  const problem = {
    type: "",
    title: "Not kept",
    status: 404,
    detail: "Or not any more.",
    reason: "TRACE_NOT_FOUND",
  };
  vi.mocked(get).mockRejectedValue(new ProblemError({ ...problem, request_id: "r1" }));
  show();
  expect(await screen.findByRole("alert")).toHaveTextContent("Or not any more.");
  expect(screen.getByRole("button", { name: "Try again" })).toBeInTheDocument();
  expect(screen.getByRole("link", { name: "All traces" })).toHaveAttribute("href", "/admin/traces");
});
