import { expect, it } from "vitest";
import type { ServiceDelivery } from "@/api/staff-types";
import {
  deliveryWords,
  formatShare,
  replicasInWords,
  replicaState,
  sharesOf,
  subjectOf,
} from "@/features/mesh/hooks/mesh-values";
import { makeReplica } from "@/testing/factories";

const makeDelivery = (change: Partial<ServiceDelivery> = {}): ServiceDelivery => ({
  service: "product",
  weights: [],
  rules: [],
  shadow_version: "",
  shadow_percent: 0,
  fault: "",
  max_calls: 0,
  ...change,
});

const product = { name: "product", replicas: [makeReplica(), makeReplica({ version: "v2" })] };

it("gives all calls to the stable version where nothing else is said", () => {
  const expected = [
    { version: "stable", share: 1 },
    { version: "v2", share: 0 },
  ];
  expect(sharesOf(product, undefined)).toEqual(expected);
  expect(sharesOf(product, makeDelivery())).toEqual(expected);
});

it("takes weights relative to each other, and leaves out a version without a replica", () => {
  const weights = [
    { version: "v2", weight: 1 },
    { version: "stable", weight: 3 },
    { version: "v9", weight: 96 },
  ];
  expect(sharesOf(product, makeDelivery({ weights }))).toEqual([
    { version: "stable", share: 0.75 },
    { version: "v2", share: 0.25 },
  ]);
  expect(sharesOf(product, makeDelivery({ weights: [{ version: "v9", weight: 1 }] }))[0]).toEqual({
    version: "stable",
    share: 1,
  });
});

it("writes shares no longer than they need", () => {
  expect([0.9, 1 / 3, 0.0025, 1].map(formatShare)).toEqual(["90%", "33.3%", "0.25%", "100%"]);
});

it("says in words what is done to calls", () => {
  expect(
    deliveryWords(
      makeDelivery({
        rules: ["x-aisle-subject=users/anna -> v2"],
        shadow_version: "v3",
        shadow_percent: 12.5,
        fault: "10 % wait 0.5 s, 1 % fail with UNAVAILABLE",
        max_calls: 2000,
      }),
    ),
  ).toEqual([
    "Calls with x-aisle-subject: users/anna go to v2",
    "12.5% of calls without effects are copied to v3",
    "On purpose, 10% wait 0.5 s, 1% fail with UNAVAILABLE",
    "At most 2,000 calls at once for each version",
  ]);
  expect(deliveryWords(undefined)).toEqual([]);
});

it.each([
  [{}, ["good", "Answers"]],
  [{ answers: false }, ["bad", "Not answering"]],
  [{ answers: null }, ["unsure", "Not known"]],
  [{ registered: "draining", answers: false }, ["unsure", "Leaving"]],
  [{ registered: "unhealthy", answers: false }, ["unsure", "Not ready"]],
  [{ registered: "healthy", answers: false }, ["bad", "Not answering"]],
] as const)("tells of a replica with %o", (change, state) => {
  expect(replicaState(makeReplica(change))).toEqual(state);
});

it("says in how many places the replicas of a service are", () => {
  expect(replicasInWords([makeReplica()])).toBe("1 replica");
  const zones = [makeReplica({ zone: "a" }), makeReplica({ zone: "b" }), makeReplica({ zone: "a" })];
  expect(replicasInWords(zones)).toBe("3 replicas in 2 zones");
});

it("calls parts of the file by what they are about", () => {
  expect(["weights", "max_calls", "later"].map(subjectOf)).toEqual(["Shares", "Calls at once", "later"]);
});
