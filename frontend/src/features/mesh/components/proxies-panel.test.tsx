import { fireEvent, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { ProxiesPanel } from "@/features/mesh/components/proxies-panel";
import { makeCertificate, makeMeshStatus, makeProxy, makeResourceState } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

it("tells what a proxy runs on beside what it is to run on", () => {
  renderInApp(<ProxiesPanel status={makeMeshStatus()} />);
  expect(screen.getByRole("heading", { name: "edge-1" })).toBeInTheDocument();
  expect(screen.getByText("In sync")).toBeInTheDocument();
  expect(screen.getByText(/^Delta/)).toHaveTextContent("Connected since");
  const row = within(screen.getByRole("row", { name: /^Clusters/ }));
  expect(row.getAllByText("c1c1c1c1")).toHaveLength(2);
  expect(row.getByText("Accepted")).toBeInTheDocument();
});

it("tells a proxy that refused from one that is behind", () => {
  const refused = makeResourceState({ refused_version: "c2c2c2c2c2" });
  const pending = makeResourceState({ pending: true, acknowledged_version: "", acknowledge_time: null });
  const proxies = [
    makeProxy({ in_sync: false, types: [refused] }),
    makeProxy({ node_id: "edge-2", in_sync: false, variant: "state_of_the_world", types: [pending] }),
  ];
  renderInApp(<ProxiesPanel status={makeMeshStatus({ proxies })} />);
  expect(screen.getByText("Refused a version")).toBeInTheDocument();
  expect(screen.getByText("Refused c2c2c2c2")).toBeInTheDocument();
  expect(screen.getByText("Behind")).toBeInTheDocument();
  expect(screen.getByText("Waiting for its answer")).toBeInTheDocument();
});

it("keeps one of many closed until it is looked at, and opens what needs somebody", () => {
  const behind = makeResourceState({ pending: true });
  const proxies = [makeProxy(), makeProxy({ node_id: "edge-2", in_sync: false, types: [behind] })];
  renderInApp(<ProxiesPanel status={makeMeshStatus({ proxies })} />);
  const [sound, late] = ["edge-1", "edge-2"].map((name) => screen.getByRole("button", { name }));
  expect(sound).toHaveAttribute("aria-expanded", "false");
  expect(late).toHaveAttribute("aria-expanded", "true");
  expect(screen.getByRole("region", { name: "What edge-2 runs on" })).toBeVisible();
  expect(screen.queryByRole("region", { name: "What edge-1 runs on" })).not.toBeInTheDocument();
  fireEvent.click(sound as HTMLElement);
  expect(screen.getByRole("region", { name: "What edge-1 runs on" })).toBeVisible();
});

it("says that there are no certificates, and who has those there are", () => {
  const { unmount } = renderInApp(<ProxiesPanel status={makeMeshStatus()} />);
  expect(screen.getByText(/^No certificates: one shared proxy/)).toBeInTheDocument();
  unmount();
  const certificate = makeCertificate({ expire_time: "2999-01-01T00:00:00Z" });
  const proxies = [
    makeProxy({ node_id: "bff-1", workload: "bff", certificate }),
    makeProxy({ node_id: "control-plane-1", workload: "control-plane" }),
  ];
  const versions = [
    { type: "Secret", version: "abcdef0123", resource_count: 2, workload: "bff" },
    { type: "Cluster", version: "b0b0b0b0b0b0", resource_count: 4, workload: "bff" },
  ];
  renderInApp(<ProxiesPanel status={makeMeshStatus({ proxies, versions })} />);
  const list = within(screen.getByRole("region", { name: "Certificates" }));
  const [bff, other] = list.getAllByRole("listitem");
  expect(bff).toHaveTextContent("spiffe://aisle.local/ns/aisle/sa/bff");
  expect(bff).toHaveTextContent("Until");
  expect(other).toHaveTextContent("Needs none");
  // Each proxy stands beside what its own workload is to run on.
  fireEvent.click(screen.getByRole("button", { name: "bff-1" }));
  expect(screen.getAllByText("b0b0b0b0")).toHaveLength(1);
});

it("says what to do without a proxy, and that it cannot know without the control plane", () => {
  const { unmount } = renderInApp(<ProxiesPanel status={makeMeshStatus({ proxies: [] })} />);
  expect(screen.getByText("No proxy is connected")).toBeInTheDocument();
  unmount();
  renderInApp(<ProxiesPanel status={makeMeshStatus({ proxies: [], degraded: ["CONTROL_PLANE"] })} />);
  expect(screen.getByText("Only the control plane knows")).toBeInTheDocument();
});
