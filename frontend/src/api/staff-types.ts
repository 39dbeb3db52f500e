/** Shapes of the staff rooms: copy, figures and models. */
import type { AttributeValue, Money } from "@/api/types";

export interface Finding {
  rule: string;
  message: string;
  excerpt: string;
}

export type Tone = "warm" | "plain" | "lively";

export interface DescriptionRequest {
  product_id?: string;
  draft?: { title: string; category_id: string; brand: string; attributes: Record<string, AttributeValue> };
  tone: Tone;
  keywords: string[];
  target_words: number;
}

export interface Totals {
  visitors: number;
  sessions: number;
  product_views: number;
  searches: number;
  add_to_carts: number;
  purchases: number;
  revenue: Money;
  conversion: number;
}

export interface Overview {
  start_time: string;
  end_time: string;
  pending_count: number;
  current: Totals;
  previous: Totals;
}

export type Cell = string | number | null | Money;

export interface Report {
  columns: string[];
  rows: Cell[][];
  start_time: string;
  end_time: string;
  pending_count: number;
  products?: Record<string, { title: string; image_uri: string }>;
}

export interface Model {
  id: string;
  display_name: string;
  provider: string;
  kind: "text" | "embedding";
  quality: string | number;
  available: boolean;
  context_tokens: number;
}
