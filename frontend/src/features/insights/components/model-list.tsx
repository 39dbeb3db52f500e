import { useQuery } from "@tanstack/react-query";
import { AsyncView } from "@/components/ui/async-view";
import { EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { modelsQuery } from "@/features/insights/api/list-models";
import { cx } from "@/lib/class-names";
import { formatNumber, labelOf } from "@/lib/format";

const PROVIDERS: Record<string, string> = { openai: "OpenAI", bedrock: "Amazon Bedrock", local: "In house" };

export function ModelList() {
  const query = useQuery(modelsQuery);
  return (
    <AsyncView
      empty={
        <EmptyNote title="No model is set up">
          <p>
            Descriptions are put together by rule and answers are quoted from the help pages until there is
            one.
          </p>
        </EmptyNote>
      }
      isEmpty={(models) => models.length === 0}
      query={query}
      skeleton={<Skeleton className="h-56" />}
    >
      {(models) => (
        <div className="relative overflow-x-auto">
          <table className="w-full min-w-[640px] border-collapse">
            <thead className="text-left text-xs text-muted">
              <tr className="border-b border-line-strong">
                {["Model", "Provider", "Does", "Quality", "Context", "State"].map((head) => (
                  <th
                    className={cx("py-2 pr-6 font-medium", head === "Context" && "text-right")}
                    key={head}
                    scope="col"
                  >
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {models.map((model) => (
                <tr className="border-b border-line" key={model.id}>
                  <td className="py-3 pr-6">
                    <p className="font-medium">{model.display_name}</p>
                    <p className="text-xs text-muted">{model.id}</p>
                  </td>
                  <td className="py-3 pr-6 text-muted">
                    {PROVIDERS[model.provider] ?? labelOf(model.provider)}
                  </td>
                  <td className="py-3 pr-6 text-muted">
                    {model.kind === "text" ? "Writes" : "Turns words into meaning"}
                  </td>
                  <td className="figures py-3 pr-6 text-muted">{labelOf(String(model.quality)) || "–"}</td>
                  <td className="figures py-3 pr-6 text-right text-muted">
                    {formatNumber(model.context_tokens)}
                  </td>
                  <td className="py-3 pr-6">
                    <span className="flex items-center gap-2">
                      <span
                        aria-hidden="true"
                        className={cx("size-2 rounded-full", model.available ? "bg-moss" : "bg-line-strong")}
                      />
                      {model.available ? "Available" : "Out of reach"}
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </AsyncView>
  );
}
