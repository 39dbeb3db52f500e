import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import type { Health, Operation } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { DegradedNote, EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { healthQuery } from "@/features/observability/api/get-health";
import { ElsewhereNote } from "@/features/observability/components/elsewhere-note";
import { FigureList } from "@/features/observability/components/figure-list";
import { HealthSummary } from "@/features/observability/components/health-summary";
import { OperationTable } from "@/features/observability/components/operation-table";
import { minutesIn } from "@/features/observability/hooks/figures";
import { paramsOf } from "@/features/observability/hooks/trace-filters";
import { cx } from "@/lib/class-names";
import { formatInstant } from "@/lib/format";
import { useDocumentTitle } from "@/lib/use-document-title";

const SPANS = [5, 15, 60];
const USUAL = 15;

function minutesOf(params: URLSearchParams): number {
  const asked = Number(params.get("minutes"));
  return SPANS.includes(asked) ? asked : USUAL;
}

const told = (moment: number) => new Date(moment).toISOString();

/** Rates, failures and times of everything that answers, and what else tells how the platform does. */
export function HealthPage() {
  const [params, setParams] = useSearchParams();
  const minutes = minutesOf(params);
  const query = useQuery(healthQuery(minutes));
  useDocumentTitle("Health");
  return (
    <div>
      <div className="mb-6 flex flex-wrap items-end justify-between gap-x-8 gap-y-4">
        <div>
          <h1 className="display text-xl">Health</h1>
          <p className="mt-1 max-w-[60ch] text-muted">
            How often everything is asked, how often it fails, and how long it takes.
          </p>
        </div>
        <Minutes
          minutes={minutes}
          onMinutes={(chosen) => setParams({ minutes: String(chosen) }, { replace: true })}
        />
      </div>
      {query.isRefetchError && (
        <div className="mb-6" role="status">
          <DegradedNote>
            Nobody answers right now. These are the figures of {formatInstant(told(query.dataUpdatedAt))}; new
            ones are asked for every ten seconds.
          </DegradedNote>
        </div>
      )}
      <AsyncView query={query} skeleton={<Skeleton className="h-[36rem] w-full" />}>
        {(health) =>
          health.available ? (
            <div aria-busy={query.isPlaceholderData} className={cx(query.isPlaceholderData && "opacity-55")}>
              <Shown health={health} />
            </div>
          ) : (
            <ElsewhereNote address={health.elsewhere}>Look there.</ElsewhereNote>
          )
        }
      </AsyncView>
    </div>
  );
}

function Minutes({ minutes, onMinutes }: { minutes: number; onMinutes: (minutes: number) => void }) {
  return (
    <div aria-label="Time span" className="flex w-fit rounded-full bg-sunk p-1" role="group">
      {SPANS.map((span) => (
        <button
          aria-pressed={span === minutes}
          className={cx(
            "h-8 rounded-full px-4 text-xs transition-colors",
            span === minutes ? "bg-surface font-medium shadow-lift" : "text-muted hover:text-ink",
          )}
          key={span}
          onClick={() => onMinutes(span)}
          type="button"
        >
          {span} min
        </button>
      ))}
    </div>
  );
}

const tracesOf = ({ name, service }: Operation) =>
  `${pages.admin.traces()}?${paramsOf({ service: "", method: name || service, minMs: 0, errorsOnly: false })}`;

function Shown({ health }: { health: Health }) {
  const { routes, methods, models, figures } = health;
  // Of what is shown, not of what was chosen a moment ago and is not here yet.
  const minutes = minutesIn(health);
  if (routes.length + methods.length === 0) {
    return (
      <EmptyNote title="Nothing was asked in this time">
        <p>Open a page of the shop; its figures are here after a few seconds.</p>
      </EmptyNote>
    );
  }
  return (
    <div className="space-y-12">
      <HealthSummary health={health} minutes={minutes} />
      <Part title="Routes">
        <OperationTable
          label="Routes"
          minutes={minutes}
          operations={routes}
          tracesOf={tracesOf}
          what="Route"
        />
      </Part>
      <Part title="Methods">
        <OperationTable
          label="Methods"
          minutes={minutes}
          operations={methods}
          tracesOf={tracesOf}
          what="Method"
        />
      </Part>
      {models.length > 0 && (
        <Part title="Models">
          <OperationTable
            label="Models"
            minutes={minutes}
            operations={models.map((one) => ({ ...one, name: one.service, service: one.name }))}
            what="Model"
          />
        </Part>
      )}
      <FigureList figures={figures} />
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className="display mb-2 text-lg">{title}</h2>
      {children}
    </section>
  );
}
