/** Names for the staff rooms: copy, figures, models and services; the shapes are generated. */
import type { components } from "@/api/schema";

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
export type Mesh = Schemas["Mesh"];
