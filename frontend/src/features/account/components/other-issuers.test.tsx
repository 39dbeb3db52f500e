import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { OtherIssuers } from "@/features/account/components/other-issuers";
import { SignInProblem } from "@/features/account/components/sign-in-problem";
import * as http from "@/lib/http";
import { renderInApp } from "@/testing/render";

afterEach(() => vi.restoreAllMocks());

test("another issuer is offered by name and knows the page to return to", async () => {
  vi.spyOn(http, "get").mockResolvedValue({ issuers: [{ name: "Acme" }] });
  renderInApp(<OtherIssuers next="/basket" />);
  const link = await screen.findByRole("link", { name: "Sign in with Acme" });
  expect(link).toHaveAttribute("href", "/api/v1/auth/oidc/start?next=%2Fbasket");
});

test("nothing is shown where there is no other issuer", async () => {
  const asked = vi.spyOn(http, "get").mockResolvedValue({ issuers: [] });
  const { container } = renderInApp(<OtherIssuers next="/" />);
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  expect(container).toBeEmptyDOMElement();
});

test("a refusal is told in words, and an unknown one as well", () => {
  renderInApp(<SignInProblem reason="EMAIL_TAKEN" />);
  expect(screen.getByRole("alert")).toHaveTextContent("Sign in with its password");
  renderInApp(<SignInProblem reason="<script>" />);
  expect(screen.getAllByRole("alert")[1]).toHaveTextContent("did not work");
});
