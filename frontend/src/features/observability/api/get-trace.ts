import { queryOptions } from "@tanstack/react-query";
import type { Trace } from "@/api/staff-types";
import { endpoints } from "@/config/paths";
import { get } from "@/lib/http";

export const traceQuery = (id: string) =>
  queryOptions({
    queryKey: ["trace", id],
    queryFn: ({ signal }) => get<Trace>(endpoints.trace(id), { signal }),
  });
