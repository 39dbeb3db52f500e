import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Proxy } from "@/api/staff-types";
import { CertificatesNote } from "@/features/mesh/components/certificates-note";
import { makeCertificate, makeMeshStatus, makeProxy } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

const FAR = "2999-01-01T00:00:00Z";
const versions = [{ type: "Secret", version: "abcdef0123", resource_count: 2, workload: "bff" }];

function show(proxies: Proxy[]) {
  renderInApp(<CertificatesNote status={makeMeshStatus({ proxies, versions })} />);
  return within(screen.getByRole("region", { name: "Certificates" })).getAllByRole("listitem");
}

it("tells whose a proxy proved to be, by what, and until when", () => {
  const [row] = show([
    makeProxy({ node_id: "bff-1", workload: "bff", certificate: makeCertificate({ expire_time: FAR }) }),
  ]);
  expect(row).toHaveTextContent("bff-1");
  expect(row).toHaveTextContent("spiffe://aisle.local/ns/aisle/sa/bff");
  expect(row).toHaveTextContent("serial 0f");
  expect(row).toHaveTextContent(/Until 1 Jan 2999|Until Jan 1, 2999/);
});

it("marks what has ended", () => {
  const [row] = show([makeProxy({ workload: "bff", certificate: makeCertificate() })]);
  expect(within(row as HTMLElement).getByText(/^Ended/)).toHaveClass("text-brick-ink");
});

it("tells a proxy that showed none from the one that needs none", () => {
  const [own, other] = show([
    makeProxy({ node_id: "control-plane-1", workload: "control-plane" }),
    makeProxy({ node_id: "chat-1", workload: "chat" }),
  ]);
  expect(own).toHaveTextContent("Needs none beside the control plane");
  expect(within(other as HTMLElement).getByText("Showed none")).toHaveClass("text-brick-ink");
});

it("says why nothing is encrypted", () => {
  const { unmount } = renderInApp(<CertificatesNote status={makeMeshStatus()} />);
  expect(screen.getByText(/one shared proxy/)).toBeInTheDocument();
  unmount();
  const proxies = [makeProxy(), makeProxy({ node_id: "edge-2" })];
  renderInApp(<CertificatesNote status={makeMeshStatus({ proxies })} />);
  expect(screen.getByText(/between these proxies are not encrypted/)).toBeInTheDocument();
  expect(screen.queryByRole("listitem")).not.toBeInTheDocument();
});
