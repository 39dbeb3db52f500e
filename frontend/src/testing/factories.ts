import type {
  ApiKey,
  Budget,
  Certificate,
  MeshStatus,
  Proxy,
  Replica,
  ResourceState,
  Usage,
} from "@/api/staff-types";
import type { Message, Product } from "@/api/types";

/** A product with everything in place; say only what the test is about. */
export function makeProduct(change: Partial<Product> = {}): Product {
  return {
    id: "harbour-wool-slippers",
    title: "Harbour wool slippers",
    subtitle: "Felted wool, stitched sole",
    description: "Slippers for cold floors.",
    category: { id: "footwear", title: "Shoes and slippers", tint: "sand-7" },
    brand: "Osier",
    price: { currency: "EUR", minor: 4900 },
    list_price: null,
    stock_quantity: 8,
    attributes: { material: "wool" },
    tags: [],
    images: [{ uri: "/media/slippers.webp", alt_text: "Grey slippers", width: 640, height: 640 }],
    rating: { average: 4.5, review_count: 12 },
    state: "active",
    create_time: "2026-01-01T00:00:00Z",
    update_time: "2026-01-02T00:00:00Z",
    etag: "e1",
    delivery_note: "Arrives in two days.",
    ...change,
  };
}

export function makeMessage(change: Partial<Message> = {}): Message {
  return {
    id: "m1",
    author: "assistant",
    text: "",
    citations: [],
    products: [],
    degraded: [],
    state: "complete",
    create_time: "2026-01-01T00:00:00Z",
    ...change,
  };
}

export function makeUsage(change: Partial<Usage> = {}): Usage {
  return {
    key: "",
    calls: 0,
    ok_calls: 0,
    failed_calls: 0,
    failures: [],
    left_calls: 0,
    exact_hits: 0,
    similar_hits: 0,
    shared_hits: 0,
    cache_misses: 0,
    input_tokens: 0,
    output_tokens: 0,
    cost_micros: 0,
    saved_micros: 0,
    first_token_p50_seconds: 0,
    first_token_p95_seconds: 0,
    latency_p50_seconds: 0,
    latency_p95_seconds: 0,
    ...change,
  };
}

export function makeApiKey(change: Partial<ApiKey> = {}): ApiKey {
  return {
    id: "k1",
    display_name: "Night job",
    tenant: "tenants/shop",
    hint: "abcd",
    state: "active",
    creator: "ada",
    create_time: "2026-11-01T09:00:00Z",
    expire_time: null,
    revoke_time: null,
    ...change,
  };
}

export function makeBudget(change: Partial<Budget> = {}): Budget {
  return {
    id: "b1",
    subject_kind: "tenant",
    subject: "tenants/shop",
    window: "month",
    tokens: null,
    micros: 10_000_000,
    origin: "set",
    spending: null,
    updater: "ada",
    update_time: "2026-11-01T09:00:00Z",
    ...change,
  };
}

export function makeReplica(change: Partial<Replica> = {}): Replica {
  return {
    address: "10.0.0.1:50051",
    version: "stable",
    zone: "",
    registered: "unknown",
    answers: true,
    ...change,
  };
}

export function makeResourceState(change: Partial<ResourceState> = {}): ResourceState {
  return {
    type: "Cluster",
    acknowledged_version: "c1c1c1c1c1c1",
    acknowledge_time: "2026-11-26T10:00:00Z",
    resource_count: 9,
    pending: false,
    refused_version: "",
    refusal_reason: "",
    refused_resources: [],
    refuse_time: null,
    ...change,
  };
}

export function makeProxy(change: Partial<Proxy> = {}): Proxy {
  return {
    node_id: "edge-1",
    workload: "aisle",
    certificate: null,
    variant: "delta",
    connect_time: "2026-11-26T09:00:00Z",
    in_sync: true,
    types: [makeResourceState()],
    ...change,
  };
}

/** A mesh in which nothing is wrong: one service, one proxy, no delivery yet. */
export function makeMeshStatus(change: Partial<MeshStatus> = {}): MeshStatus {
  return {
    services: [{ name: "product", replicas: [makeReplica()] }],
    proxies: [makeProxy()],
    versions: [{ type: "Cluster", version: "c1c1c1c1c1c1", resource_count: 9, workload: "" }],
    publish_time: "2026-11-26T10:00:00Z",
    problems: [],
    source_problems: [],
    delivery: { text: "", etag: "e0", services: [], problems: [] },
    degraded: [],
    ...change,
  };
}

export function makeCertificate(change: Partial<Certificate> = {}): Certificate {
  return {
    identity: "spiffe://aisle.local/ns/aisle/sa/bff",
    serial: "0f",
    begin_time: "2026-11-26T09:00:00Z",
    expire_time: "2026-11-26T10:00:00Z",
    ...change,
  };
}
