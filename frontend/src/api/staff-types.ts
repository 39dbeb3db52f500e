/** Names for the staff rooms: copy, figures, models and services; the shapes are generated. */
import type { components, operations } from "@/api/schema";

type Schemas = components["schemas"];

export type Description = Schemas["Description"];
export type DescriptionRequest = Schemas["DescriptionRequest"];
export type Finding = Schemas["Finding"];
export type Tone = NonNullable<DescriptionRequest["tone"]>;

export type Overview = Schemas["Overview"];
export type Report = Schemas["Report"];
export type Cell = Report["rows"][number][number];

export type Model = Schemas["Model"];
export type Models = Schemas["Models"];

export type MeshStatus = Schemas["MeshStatus"];
export type MeshService = Schemas["MeshService"];
export type Replica = Schemas["Replica"];
export type Proxy = Schemas["Proxy"];
export type ResourceState = Schemas["ResourceState"];
export type CurrentVersion = Schemas["CurrentVersion"];
export type Certificate = Schemas["Certificate"];
export type Delivery = Schemas["Delivery"];
export type ServiceDelivery = Schemas["ServiceDelivery"];
export type DeliveryFile = Schemas["DeliveryFile"];
export type DeliveryChange = Schemas["DeliveryChange"];
export type Applied = Schemas["Applied"];

export type Traces = Schemas["Traces"];
export type TraceSummary = Schemas["TraceSummary"];
export type Trace = Schemas["Trace"];
export type Span = Schemas["Span"];
export type Health = Schemas["Health"];
export type Operation = Schemas["Operation"];
export type Figure = Schemas["Figure"];

export type Usage = Schemas["Usage"];
export type UsageReport = Schemas["UsageReport"];
export type UsageBy = NonNullable<NonNullable<operations["get_usage"]["parameters"]["query"]>["by"]>;
export type ApiKey = Schemas["ApiKey"];
export type ApiKeys = Schemas["ApiKeys"];
export type NewApiKey = Schemas["NewApiKey"];
export type MadeApiKey = Schemas["MadeApiKey"];
export type Budget = Schemas["Budget"];
export type Budgets = Schemas["Budgets"];
export type NewBudget = Schemas["NewBudget"];
export type Change = Schemas["Change"];
export type Changes = Schemas["Changes"];
