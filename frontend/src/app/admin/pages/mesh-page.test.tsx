import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import type { DeliveryFile, MeshStatus } from "@/api/staff-types";
import { MeshPage } from "@/app/admin/pages/mesh-page";
import { get, put } from "@/lib/http";
import { ProblemError } from "@/lib/problem";
import { makeMeshStatus, makeProxy, makeReplica, makeResourceState } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

vi.mock("@/lib/http", () => ({ get: vi.fn(), put: vi.fn() }));

let status: MeshStatus;

beforeEach(() => {
  vi.clearAllMocks();
  status = makeMeshStatus();
  vi.mocked(get).mockImplementation(() => Promise.resolve(status));
});

const problem = (status: number, reason: string, errors?: { field: string; message: string }[]) =>
  new ProblemError({ type: "", title: "Refused", status, detail: "Why", reason, request_id: "r1", errors });

const CHECK = "/api/v1/mesh/delivery?validate_only=true";
const APPLY = "/api/v1/mesh/delivery";

/** Answers as the edge does, from what is there. */
function answerPuts() {
  vi.mocked(put).mockImplementation((url, body) => {
    const file = body as DeliveryFile;
    const before = status.delivery;
    if (url === APPLY) {
      if (file.etag !== before?.etag) return Promise.reject(problem(409, "DELIVERY_CHANGED"));
      status = makeMeshStatus({ delivery: { text: file.text, etag: "e1", services: [], problems: [] } });
    }
    return Promise.resolve({
      delivery: status.delivery,
      changes: ["product: max_calls: none -> 5"],
      differences: [{ service: "product", field: "max_calls", before: "", after: "5" }],
      problems: ["product: no replica runs version 'v3'"],
    });
  });
}

async function write(text: string) {
  fireEvent.change(await screen.findByLabelText("Delivery file"), { target: { value: text } });
}

const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));

it.each([
  ["/admin/mesh", "Services", "10.0.0.1:50051"],
  ["/admin/mesh?tab=proxies", "Proxies", "edge-1"],
  ["/admin/mesh?tab=delivery", "Delivery", "How calls are spread"],
  ["/admin/mesh?tab=elsewhere", "Services", "10.0.0.1:50051"],
])("opens %s", async (address, tab, sight) => {
  renderInApp(<MeshPage />, address);
  expect(await screen.findByText(sight)).toBeInTheDocument();
  expect(screen.getByRole("link", { name: tab })).toHaveAttribute("aria-current", "page");
});

it("shows a refusal with Envoy's reason whichever tab is open", async () => {
  const refused = makeResourceState({
    refused_version: "c2c2c2c2c2",
    refusal_reason: "duplicate cluster product",
    refused_resources: ["product"],
  });
  status = makeMeshStatus({
    proxies: [makeProxy({ in_sync: false, types: [refused] })],
    services: [{ name: "product", replicas: [makeReplica(), makeReplica({ answers: false })] }],
    problems: ["route chat: no cluster"],
    source_problems: ["product: 0.0.0.0:1 is left out"],
    delivery: { text: "services: [", etag: "e0", services: [], problems: ["the file is not usable"] },
  });
  renderInApp(<MeshPage />, "/admin/mesh?tab=delivery");
  expect(await screen.findByRole("heading", { name: "edge-1 refused its clusters" })).toBeInTheDocument();
  expect(screen.getByText("duplicate cluster product")).toBeInTheDocument();
  expect(screen.getByText(/Held at their last good version: product/)).toBeInTheDocument();
  expect(screen.getByText("route chat: no cluster")).toBeInTheDocument();
  expect(screen.getByText("product: 0.0.0.0:1 is left out")).toBeInTheDocument();
  expect(screen.getByText("the file is not usable")).toBeInTheDocument();
  expect(screen.getByText("Proxies in sync").nextSibling).toHaveTextContent("0 of 1");
  expect(screen.getByText("Replicas that answer").nextSibling).toHaveTextContent("1 of 2");
});

it("does not take a replica nobody tells of for one that does not answer", async () => {
  const replicas = [makeReplica(), makeReplica({ address: "10.0.0.2:1", answers: null })];
  status = makeMeshStatus({ services: [{ name: "product", replicas }] });
  renderInApp(<MeshPage />, "/admin/mesh");
  const label = await screen.findByText("Replicas that answer, 1 not known");
  expect(label.nextSibling).toHaveTextContent("1 of 1");
  expect(label.nextSibling).not.toHaveClass("text-brick-ink");
});

it("goes on with what Envoy says while the control plane is away", async () => {
  status = makeMeshStatus({ proxies: [], versions: [], delivery: null, degraded: ["CONTROL_PLANE"] });
  renderInApp(<MeshPage />, "/admin/mesh");
  expect(await screen.findByText(/The control plane does not answer/)).toBeInTheDocument();
  expect(screen.getByText("Refused by proxies").nextSibling).toHaveTextContent("–");
  fireEvent.click(screen.getByRole("link", { name: "Delivery" }));
  expect(screen.getByText("The file is out of reach")).toBeInTheDocument();
});

it("says what happened when nobody answers", async () => {
  vi.mocked(get).mockRejectedValue(problem(403, "DENIED"));
  renderInApp(<MeshPage />, "/admin/mesh");
  expect(await screen.findByText("Request id r1")).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Try again" })).toBeInTheDocument();
});

it("applies only what was looked at", async () => {
  answerPuts();
  renderInApp(<MeshPage />, "/admin/mesh?tab=delivery");
  expect(await screen.findByRole("button", { name: "What would change" })).toBeDisabled();
  await write("services: {}");
  press("What would change");
  expect(await screen.findByText("Calls at once")).toBeInTheDocument();
  expect(screen.getByText(/no replica runs version 'v3': it waits/)).toBeInTheDocument();
  expect(put).toHaveBeenLastCalledWith(CHECK, { text: "services: {}", etag: "e0" });
  await write("services: {product: {max_calls: 5}}");
  expect(screen.queryByRole("button", { name: "Apply" })).not.toBeInTheDocument();
  press("What would change");
  fireEvent.click(await screen.findByRole("button", { name: "Apply" }));
  await waitFor(() => expect(screen.getByText("How calls are spread")).toBeInTheDocument());
  expect(put).toHaveBeenLastCalledWith(APPLY, { text: "services: {product: {max_calls: 5}}", etag: "e0" });
  expect(screen.getByLabelText("Delivery file")).toHaveValue("services: {product: {max_calls: 5}}");
});

it("says in the file's own place what is wrong with it", async () => {
  vi.mocked(put).mockRejectedValue(
    problem(422, "DELIVERY_INVALID", [{ field: "text", message: "the weights are all 0" }]),
  );
  renderInApp(<MeshPage />, "/admin/mesh?tab=delivery");
  await write("services: {product: {weights: {stable: 0}}}");
  press("What would change");
  expect(await screen.findByRole("alert")).toHaveTextContent("the weights are all 0");
  expect(screen.getByLabelText("Delivery file")).toHaveAttribute("aria-invalid", "true");
});

it("keeps what was written when somebody was faster, and checks it against theirs", async () => {
  answerPuts();
  renderInApp(<MeshPage />, "/admin/mesh?tab=delivery");
  await write("mine: 1");
  press("What would change");
  const apply = await screen.findByRole("button", { name: "Apply" });
  status = makeMeshStatus({ delivery: { text: "theirs: 1", etag: "e9", services: [], problems: [] } });
  fireEvent.click(apply);
  expect(await screen.findByText("Somebody changed the file while you were writing")).toBeInTheDocument();
  expect(await screen.findByText("theirs: 1")).toBeInTheDocument();
  expect(screen.getByLabelText("Delivery file")).toHaveValue("mine: 1");
  press("Check mine against it");
  expect(await screen.findByRole("button", { name: "Apply" })).toBeInTheDocument();
  expect(put).toHaveBeenLastCalledWith(CHECK, { text: "mine: 1", etag: "e9" });
});

it("goes on with theirs when that is chosen", async () => {
  answerPuts();
  renderInApp(<MeshPage />, "/admin/mesh?tab=delivery");
  await write("mine: 1");
  status = makeMeshStatus({ delivery: { text: "theirs: 1", etag: "e9", services: [], problems: [] } });
  press("What would change");
  fireEvent.click(await screen.findByRole("button", { name: "Go on with theirs" }));
  expect(screen.getByLabelText("Delivery file")).toHaveValue("theirs: 1");
});
