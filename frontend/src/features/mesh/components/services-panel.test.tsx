import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { ServicesPanel } from "@/features/mesh/components/services-panel";
import { makeReplica } from "@/testing/factories";
import { renderInApp } from "@/testing/render";

const services = [
  {
    name: "product",
    replicas: [
      makeReplica({ address: "10.0.0.2:1", version: "v2", zone: "eu-1b", answers: false }),
      makeReplica({ address: "10.0.0.1:1", zone: "eu-1a" }),
    ],
  },
  { name: "chat", replicas: [] },
];
const delivery = {
  text: "…",
  etag: "e1",
  services: [
    {
      service: "product",
      weights: [
        { version: "stable", weight: 95 },
        { version: "v2", weight: 5 },
      ],
      rules: [],
      shadow_version: "v3",
      shadow_percent: 10,
      fault: "",
      max_calls: 0,
    },
  ],
  problems: ["product: no replica runs version 'v3'", "ghost: no such service is registered"],
};

it("shows which version gets how much, and what waits for a replica", () => {
  renderInApp(<ServicesPanel delivery={delivery} services={services} />);
  const product = within(screen.getAllByRole("listitem")[0] as HTMLElement);
  const shares = within(product.getByRole("list", { name: "Shares of calls" })).getAllByRole("listitem");
  expect(shares.map((share) => share.textContent)).toEqual(["stable 95%", "v2 5%"]);
  expect(product.getByText("10% of calls without effects are copied to v3")).toBeInTheDocument();
  expect(product.getByText("Waiting: no replica runs version 'v3'")).toBeInTheDocument();
  expect(screen.queryByText(/ghost/)).not.toBeInTheDocument();
});

it("lists replicas by version with their zone, and says which do not answer", () => {
  renderInApp(<ServicesPanel delivery={delivery} services={services} />);
  const [first, second] = within(screen.getByRole("list", { name: "Replicas" })).getAllByRole("listitem");
  expect(first).toHaveTextContent("10.0.0.1:1stable in eu-1aAnswers");
  expect(second).toHaveTextContent("10.0.0.2:1v2 in eu-1bNot answering");
  expect(screen.getByText("No replica: calls fail.")).toBeInTheDocument();
});

it("says nothing of shares that nobody told, and what to do without services", () => {
  const { unmount } = renderInApp(<ServicesPanel delivery={undefined} services={services} />);
  expect(screen.queryByRole("list", { name: "Shares of calls" })).not.toBeInTheDocument();
  unmount();
  renderInApp(<ServicesPanel delivery={delivery} services={[]} />);
  expect(screen.getByText("No service is registered")).toBeInTheDocument();
});

it("tells a replica that leaves from one that does not answer, and a service with nobody left", () => {
  const leaving = makeReplica({ registered: "draining", answers: false });
  renderInApp(<ServicesPanel delivery={delivery} services={[{ name: "product", replicas: [leaving] }]} />);
  expect(screen.getByText("Leaving")).toBeInTheDocument();
  expect(screen.getByText("No replica is ready: calls are likely to fail.")).toBeInTheDocument();
});
