/** Shapes the edge sends and takes, by hand until they are generated from its OpenAPI document. */

export interface Money {
  currency: string;
  minor: number;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  reason: string;
  request_id: string;
  errors?: { field: string; message: string }[];
  retry_after_seconds?: number;
}

export type Role = "shopper" | "admin";

export interface User {
  id: string;
  email: string;
  name: string;
  role: Role;
}

export interface Session {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  user: User;
}

export interface Category {
  id: string;
  title: string;
  blurb: string;
  tint: string;
  product_count: number;
}

export interface Picture {
  uri: string;
  alt_text: string;
  width: number;
  height: number;
}

export type ProductState = "active" | "draft" | "archived";
export type AttributeValue = string | number | boolean | string[];

export interface Product {
  id: string;
  title: string;
  subtitle: string;
  description: string;
  category: { id: string; title: string; tint: string };
  brand: string;
  price: Money;
  list_price: Money | null;
  stock_quantity: number;
  attributes: Record<string, AttributeValue>;
  tags: string[];
  images: Picture[];
  rating: { average: number; review_count: number };
  state: ProductState;
  create_time: string;
  update_time: string;
  etag: string;
  delivery_note: string;
  match?: ("words" | "meaning")[];
}

export interface ProductInput {
  id?: string;
  title: string;
  subtitle: string;
  description: string;
  category_id: string;
  brand: string;
  price: Money;
  list_price?: Money | null;
  stock_quantity: number;
  attributes: Record<string, AttributeValue>;
  tags: string[];
  state: ProductState;
  delivery_note: string;
}

export type FacetField = "category" | "brand" | "price" | "rating" | "availability";

export interface Facet {
  field: FacetField;
  values: { value: string; label: string; count: number }[];
}

export interface ProductPage {
  products: Product[];
  next_page_token: string;
  total_size: number;
  facets: Facet[];
  degraded?: string[];
  understood_as?: string;
}

export interface Review {
  id: string;
  author: string;
  rating: number;
  title: string;
  body: string;
  verified_purchase: boolean;
  create_time: string;
}

export interface Aspect {
  aspect: string;
  positive_count: number;
  negative_count: number;
  quote: string;
  review_id: string;
}

export interface ReviewPage {
  reviews: Review[];
  next_page_token: string;
  rating: { average: number; review_count: number };
  star_counts: number[];
  aspects: Aspect[];
}

export type Placement = "home" | "product" | "basket";

export interface Shelf {
  id: string;
  title: string;
  anchor_product_id: string | null;
  items: { product: Product; reason: string }[];
}

export interface RecommendationAnswer {
  shelves: Shelf[];
  degraded: string[];
  cached: boolean;
}

export type EventType =
  | "page_view"
  | "product_view"
  | "search"
  | "add_to_cart"
  | "purchase"
  | "recommendation_click"
  | "chat_message";

export interface ShopEvent {
  event_id: string;
  type: EventType;
  session_id: string;
  product_id?: string;
  query?: string;
  result_count?: number;
  quantity?: number;
  value?: Money;
  placement?: string;
  event_time?: string;
}

export interface Citation {
  index: number;
  article_id: string;
  title: string;
  section: string;
  passage: string;
}

export type MessageState = "streaming" | "complete" | "interrupted" | "failed";

export interface Message {
  id: string;
  author: "shopper" | "assistant";
  text: string;
  citations: Citation[];
  products: Product[];
  degraded: string[];
  state: MessageState;
  create_time: string;
}

export interface ChatSession {
  id: string;
  title: string;
  messages: Message[];
}

export type ChatFrame =
  | { type: "ready"; session_id: string }
  | { type: "started"; request_id: string; question_id: string; answer_id: string }
  | { type: "activity"; kind: string; text: string }
  | { type: "delta"; text: string }
  | ({ type: "citation" } & Citation)
  | { type: "product"; product: Product }
  | { type: "finished"; message: Message }
  | { type: "error"; problem: Problem }
  | { type: "pong" };

export interface ArticleSummary {
  id: string;
  title: string;
  topic: string;
  update_time: string;
}

export interface Article extends ArticleSummary {
  body: string;
}
