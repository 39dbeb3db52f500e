/** Names for what the edge sends and takes; the shapes are generated from its OpenAPI document. */
import type { components, operations } from "@/api/schema";

type Schemas = components["schemas"];

export type Money = Schemas["Money"];
export type Problem = Schemas["Problem"];
export type User = Schemas["User"];
export type Session = Schemas["Session"];
export type ExternalIssuers = Schemas["ExternalIssuers"];

export type Category = Schemas["Category"];
export type Categories = Schemas["Categories"];
export type Product = Schemas["Product"];
export type ProductState = Product["state"];
export type ProductInput = Schemas["ProductInput"];
export type ProductPatch = Schemas["ProductPatch"];
export type Facet = Schemas["Facet"];
export type FacetField = Facet["field"];
/** A page of a list, or of a search, which says more. */
export type ProductPage = Schemas["ProductPage"] &
  Partial<Pick<Schemas["SearchPage"], "degraded" | "understood_as">>;
export type Review = Schemas["Review"];
export type ReviewPage = Schemas["ReviewPage"];
export type Aspect = Schemas["Aspect"];

export type Placement = operations["list_recommendations"]["parameters"]["query"]["placement"];
export type Shelf = Schemas["Shelf"];
export type Recommendations = Schemas["Recommendations"];

export type ShopEvent = Schemas["Event"];
export type EventType = ShopEvent["type"];

export type Citation = Schemas["Citation"];
export type Message = Schemas["Message"];
export type ChatSession = Schemas["ChatSession"];

export type ArticleSummary = Schemas["ArticleSummary"];
export type Articles = Schemas["Articles"];
export type Article = Schemas["Article"];

/** What the assistant's socket sends. OpenAPI has no words for sockets, so these stand here by hand. */
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
