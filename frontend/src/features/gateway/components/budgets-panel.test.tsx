import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { BudgetsPanel } from "@/features/gateway/components/budgets-panel";
import { get, put, remove } from "@/lib/http";
import { makeBudget } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

vi.mock("@/lib/http", () => ({ get: vi.fn(), put: vi.fn(), remove: vi.fn() }));

const spending = {
  used_micros: 4_000_000,
  reserved_micros: 1_000_000,
  used_tokens: 0,
  reserved_tokens: 0,
  reset_time: "2026-12-01T00:00:00Z",
};
const budgets = [
  makeBudget({ spending }),
  makeBudget({ id: "b2", subject_kind: "user", subject: "*", origin: "file", tokens: 5000, micros: null }),
];

beforeEach(() => {
  vi.clearAllMocks();
  vi.mocked(get).mockImplementation((url) =>
    Promise.resolve(url.endsWith("/keys") ? { keys: [], next_page_token: "" } : { budgets, degraded: [] }),
  );
});

async function openForm() {
  fireEvent.click(await screen.findByRole("button", { name: "New budget" }));
  return within(screen.getByRole("dialog", { name: "New budget" }));
}

it("tells how far a budget is spent, with what is set aside", async () => {
  renderInApp(<BudgetsPanel />);
  const row = within(await screen.findByRole("row", { name: /^shop/ }));
  expect(row.getByText(/\$4\.00 of \$10\.00 used, \$1\.00 set aside/)).toBeInTheDocument();
  expect(row.getByText("50%")).toBeInTheDocument();
});

it("refuses a budget without a limit", async () => {
  renderInApp(<BudgetsPanel />);
  const form = await openForm();
  fireEvent.change(form.getByLabelText("Which one"), { target: { value: "shop" } });
  fireEvent.click(form.getByRole("button", { name: "Set the budget" }));
  expect(form.getByRole("alert")).toHaveTextContent("Set a limit in dollars, in tokens or both");
  expect(put).not.toHaveBeenCalled();
});

it("sets a limit of a subject and a window", async () => {
  vi.mocked(put).mockResolvedValue(budgets[0]);
  renderInApp(<BudgetsPanel />);
  const form = await openForm();
  fireEvent.change(form.getByLabelText("Which one"), { target: { value: "shop" } });
  fireEvent.change(form.getByLabelText("Limit in dollars"), { target: { value: "12.50" } });
  fireEvent.click(form.getByRole("button", { name: "Set the budget" }));
  const body = { subject_kind: "tenant", subject: "tenants/shop", window: "month", micros: 12_500_000 };
  await waitFor(() => expect(put).toHaveBeenCalledWith("/api/v1/gateway/budgets", body));
  await waitFor(() => expect(screen.queryByLabelText("Limit in dollars")).not.toBeInTheDocument());
});

it("asks before it removes one, and offers that only for those set here", async () => {
  vi.mocked(remove).mockResolvedValue();
  renderInApp(<BudgetsPanel />);
  const fromFile = within(await screen.findByRole("row", { name: /^Each user/ }));
  expect(fromFile.getByText("In the file")).toBeInTheDocument();
  expect(fromFile.queryByRole("button", { name: /^Remove/ })).not.toBeInTheDocument();
  fireEvent.click(screen.getByRole("button", { name: /^Remove shop/ }));
  expect(remove).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole("button", { name: "Remove the budget" }));
  await waitFor(() => expect(remove).toHaveBeenCalledWith("/api/v1/gateway/budgets/b1"));
});
