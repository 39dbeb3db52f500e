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
