import { fireEvent, screen } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { ChangesPanel } from "@/features/gateway/components/changes-panel";
import { get } from "@/lib/http";
import { renderInApp } from "@/testing/render";

vi.mock("@/lib/http", () => ({ get: vi.fn() }));

const change = (action: string, detail: string) => ({
  actor: "ada",
  action,
  resource: "apiKeys/k1",
  detail,
  create_time: "2026-11-01T09:00:00Z",
});

it("lists who changed what, a page at a time", async () => {
  vi.mocked(get)
    .mockResolvedValueOnce({ changes: [change("RevokeApiKey", "Night job")], next_page_token: "next" })
    .mockResolvedValueOnce({ changes: [change("CreateApiKey", "Day job")], next_page_token: "" });
  renderInApp(<ChangesPanel />);
  expect(await screen.findByText("Revoked a key")).toBeInTheDocument();
  fireEvent.click(screen.getByRole("button", { name: "Show more" }));
  expect(await screen.findByText("Day job")).toBeInTheDocument();
  expect(vi.mocked(get).mock.calls[1]?.[1]?.params).toEqual({ page_token: "next" });
  expect(screen.queryByRole("button", { name: "Show more" })).not.toBeInTheDocument();
});
