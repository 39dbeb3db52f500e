import { screen, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { UsageReport } from "@/api/staff-types";
import { UsagePanel } from "@/features/gateway/components/usage-panel";
import { get } from "@/lib/http";
import { makeUsage } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

vi.mock("@/lib/http", () => ({ get: vi.fn() }));

function show(report: Partial<UsageReport>) {
  vi.mocked(get).mockResolvedValue({
    rows: [],
    total: makeUsage(),
    start_time: "2026-10-27T00:00:00Z",
    end_time: "2026-11-26T00:00:00Z",
    truncated: false,
    ...report,
  });
  renderInApp(<UsagePanel by="model" days={30} onBy={vi.fn()} onDays={vi.fn()} />);
}

/** What stands below the name of a figure. */
async function figure(name: string) {
  const term = await screen.findByText(name, { selector: "dt" });
  return within(term.parentElement as HTMLElement);
}

const failures = [
  { outcome: "rate_limited", count: 4 },
  { outcome: "timeout", count: 1 },
];

it("shows failed calls apart from answered ones, with their kinds", async () => {
  show({
    total: makeUsage({ calls: 105, ok_calls: 100, failed_calls: 5, failures, cost_micros: 1_250_000 }),
  });
  expect((await figure("Answered calls")).getByText("100")).toBeInTheDocument();
  const failed = await figure("Failed calls");
  expect(failed.getByText("5")).toBeInTheDocument();
  expect(failed.getByText("4 rate limited")).toBeInTheDocument();
  expect(failed.getByText("1 timeout")).toBeInTheDocument();
  expect((await figure("Cost")).getByText("$1.25")).toBeInTheDocument();
});

it("gives no time to a model whose calls all failed", async () => {
  const broken = { failed_calls: 5, failures, first_token_p50_seconds: 0.004, latency_p50_seconds: 0.01 };
  show({
    total: makeUsage({ calls: 6, ok_calls: 1, failed_calls: 5, failures }),
    rows: [
      makeUsage({ key: "models/broken", calls: 5, ...broken }),
      makeUsage({ key: "models/sound", calls: 1, ok_calls: 1, first_token_p50_seconds: 0.42 }),
    ],
  });
  const row = within(await screen.findByRole("row", { name: /^broken/ }));
  expect(row.queryByText(/ ms|\d s\b/)).not.toBeInTheDocument();
  expect(row.getByText("4 rate limited")).toBeInTheDocument();
  expect(within(screen.getByRole("row", { name: /^sound/ })).getByText(/420 ms/)).toBeInTheDocument();
  expect(screen.getByText(/Times are of calls that ended well, so/)).toBeInTheDocument();
});

it("says so when no model was called", async () => {
  show({});
  expect(await screen.findByText("No model was called yet")).toBeInTheDocument();
});

it("says what went wrong and offers another try", async () => {
  vi.mocked(get).mockRejectedValue(new Error("boom"));
  renderInApp(<UsagePanel by="model" days={30} onBy={vi.fn()} onDays={vi.fn()} />);
  expect(await screen.findByRole("button", { name: "Try again" })).toBeInTheDocument();
});
