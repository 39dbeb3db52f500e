import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { KeysPanel } from "@/features/gateway/components/keys-panel";
import { get, post, remove } from "@/lib/http";
import { makeApiKey } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

vi.mock("@/lib/http", () => ({ get: vi.fn(), post: vi.fn(), remove: vi.fn() }));

const SECRET = "sk-aisle-once-abcd";

beforeEach(() => {
  vi.clearAllMocks();
  vi.mocked(get).mockResolvedValue({ keys: [makeApiKey()], next_page_token: "" });
});

async function openForm() {
  fireEvent.click(await screen.findByRole("button", { name: "New key" }));
  return within(screen.getByRole("dialog", { name: "New key" }));
}

it("lists keys by name and the end of their secret", async () => {
  renderInApp(<KeysPanel />);
  const row = within(await screen.findByRole("row", { name: /Night job/ }));
  expect(row.getByRole("cell", { name: "…abcd" })).toBeInTheDocument();
  expect(row.getByText("Active")).toBeInTheDocument();
  expect(row.getByText("by ada")).toBeInTheDocument();
});

it("shows the secret once and lets go of it", async () => {
  vi.mocked(post).mockResolvedValue({ key: makeApiKey(), secret: SECRET });
  const writeText = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  renderInApp(<KeysPanel />);
  const form = await openForm();
  fireEvent.change(form.getByLabelText("Name"), { target: { value: "Night job" } });
  fireEvent.change(form.getByLabelText(/^Tenant/), { target: { value: "team-a" } });
  fireEvent.click(form.getByRole("button", { name: "Make the key" }));

  expect(await screen.findByLabelText("Secret")).toHaveValue(SECRET);
  expect(vi.mocked(post).mock.calls[0]?.[1]).toEqual({ display_name: "Night job", tenant: "tenants/team-a" });
  expect(screen.getByText("This is the only time you see it.")).toBeInTheDocument();
  fireEvent.click(screen.getByRole("button", { name: "Copy the secret" }));
  expect(await screen.findByText("Copied")).toBeInTheDocument();
  expect(writeText).toHaveBeenCalledWith(SECRET);

  // A click beside the sheet is no way to lose it.
  fireEvent.click(screen.getByRole("dialog", { name: "Keep the secret" }));
  expect(screen.getByLabelText("Secret")).toBeInTheDocument();
  fireEvent.click(screen.getByRole("button", { name: "I have kept it" }));
  await waitFor(() => expect(screen.queryByLabelText("Secret")).not.toBeInTheDocument());
  await openForm();
  expect(screen.queryByDisplayValue(SECRET)).not.toBeInTheDocument();
  expect(document.body.innerHTML).not.toContain(SECRET);
  expect(writeText).toHaveBeenCalledOnce();
});

it("refuses a key without a name and one for a tenant that cannot be", async () => {
  renderInApp(<KeysPanel />);
  const form = await openForm();
  fireEvent.change(form.getByLabelText(/^Tenant/), { target: { value: "Team A" } });
  fireEvent.click(form.getByRole("button", { name: "Make the key" }));
  expect(form.getByText("Say what the key is for")).toBeInTheDocument();
  expect(form.getByText(/^Small letters/)).toBeInTheDocument();
  expect(post).not.toHaveBeenCalled();
});

it("asks before it revokes", async () => {
  vi.mocked(remove).mockResolvedValue();
  renderInApp(<KeysPanel />);
  const press = async () => fireEvent.click(await screen.findByRole("button", { name: "Revoke Night job" }));
  await press();
  expect(screen.getByRole("alertdialog", { name: "Revoke Night job?" })).toBeInTheDocument();
  fireEvent.click(screen.getByRole("button", { name: "Keep it" }));
  expect(screen.queryByRole("alertdialog")).not.toBeInTheDocument();
  expect(remove).not.toHaveBeenCalled();

  await press();
  fireEvent.click(screen.getByRole("button", { name: "Revoke the key" }));
  await waitFor(() => expect(remove).toHaveBeenCalledWith("/api/v1/gateway/keys/k1"));
  await waitFor(() => expect(screen.queryByRole("alertdialog")).not.toBeInTheDocument());
});

it("comes back with the secret when the sheet was closed while the key was being made", async () => {
  let answer: (made: unknown) => void = () => undefined;
  vi.mocked(post).mockReturnValue(new Promise((resolve) => (answer = resolve)));
  renderInApp(<KeysPanel />);
  const form = await openForm();
  fireEvent.change(form.getByLabelText("Name"), { target: { value: "Night job" } });
  fireEvent.click(form.getByRole("button", { name: "Make the key" }));
  await waitFor(() => expect(post).toHaveBeenCalled());
  fireEvent.click(form.getByRole("button", { name: "Close" }));
  expect(screen.queryByLabelText("Name")).not.toBeInTheDocument();
  answer({ key: makeApiKey(), secret: SECRET });
  expect(await screen.findByLabelText("Secret")).toHaveValue(SECRET);
});
