import { fireEvent, screen } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { GatewayPage } from "@/app/admin/pages/gateway-page";
import { get } from "@/lib/http";
import { makeUsage } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

vi.mock("@/lib/http", () => ({ get: vi.fn(), post: vi.fn(), put: vi.fn(), remove: vi.fn() }));

const total = makeUsage({ calls: 1, ok_calls: 1 });
const span = { start_time: "2026-10-27T00:00:00Z", end_time: "2026-11-26T00:00:00Z" };

beforeEach(() => {
  vi.mocked(get).mockImplementation((url) => {
    if (url.endsWith("/usage")) return Promise.resolve({ rows: [], total, truncated: false, ...span });
    if (url.endsWith("/budgets")) return Promise.resolve({ budgets: [], degraded: [] });
    return Promise.resolve({ keys: [], changes: [], next_page_token: "" });
  });
});

it.each([
  ["/admin/gateway", "Usage", "Answered calls"],
  ["/admin/gateway?tab=keys", "Keys", "No key yet"],
  ["/admin/gateway?tab=budgets", "Budgets", "Nothing is limited"],
  ["/admin/gateway?tab=changes", "Changes", "Nothing was changed yet"],
  ["/admin/gateway?tab=elsewhere", "Usage", "Answered calls"],
])("opens %s", async (address, tab, sight) => {
  renderInApp(<GatewayPage />, address);
  expect(await screen.findByText(sight)).toBeInTheDocument();
  expect(screen.getByRole("link", { name: tab })).toHaveAttribute("aria-current", "page");
});

it("takes span and group from the address and asks for what is chosen", async () => {
  renderInApp(<GatewayPage />, "/admin/gateway?tab=usage&days=90&by=day");
  expect(await screen.findByLabelText("Grouped by")).toHaveValue("day");
  expect(screen.getByRole("button", { name: "90 days" })).toHaveAttribute("aria-pressed", "true");
  fireEvent.change(screen.getByLabelText("Grouped by"), { target: { value: "prompt_version" } });
  expect(await screen.findByRole("columnheader", { name: "Prompt version" })).toBeInTheDocument();
  expect(vi.mocked(get).mock.lastCall?.[1]?.params).toEqual({ days: 90, by: "prompt_version" });
});
