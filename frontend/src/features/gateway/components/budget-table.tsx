import type { ApiKey, Budget } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { ScrollRegion } from "@/components/ui/scroll-region";
import { SpentBar } from "@/features/gateway/components/spent-bar";
import { EACH, limitTexts, subjectLabel, SUBJECTS } from "@/features/gateway/hooks/budget-values";
import { formatMicros, formatMoment, formatNumber } from "@/lib/format";

interface BudgetTableProps {
  budgets: Budget[];
  keys: ApiKey[] | undefined;
  onChange: (budget: Budget) => void;
  onRemove: (budget: Budget) => void;
}

const HEADS = ["Whose", "Limits", "Spent", "Where it stands"];

export function BudgetTable({ budgets, ...rest }: BudgetTableProps) {
  return (
    <ScrollRegion label="Budgets">
      <table className="w-full min-w-[860px] border-collapse text-sm">
        <thead className="text-left text-xs text-muted">
          <tr className="border-b border-line-strong">
            {HEADS.map((head) => (
              <th className="py-2 pr-6 font-medium" key={head} scope="col">
                {head}
              </th>
            ))}
            <th className="w-44 py-2" scope="col">
              <span className="sr-only">Acts</span>
            </th>
          </tr>
        </thead>
        <tbody className="figures">
          {budgets.map((budget) => (
            <BudgetRow budget={budget} key={budget.id} {...rest} />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function BudgetRow({
  budget,
  keys,
  onChange,
  onRemove,
}: Omit<BudgetTableProps, "budgets"> & { budget: Budget }) {
  const name = subjectLabel(budget, keys);
  const limits = limitTexts(budget);
  return (
    <tr className="border-b border-line align-top">
      <th className="max-w-56 py-3 pr-6 text-left font-medium wrap-anywhere" scope="row">
        {name}
        <p className="text-xs font-normal text-muted">
          {budget.subject === EACH ? "Without a budget of its own" : SUBJECTS[budget.subject_kind][0]}
        </p>
      </th>
      <td className="py-3 pr-6 whitespace-nowrap">
        {limits.map((limit) => (
          <p key={limit}>{limit}</p>
        ))}
      </td>
      <td className="w-72 py-3 pr-6">
        <Spent budget={budget} />
      </td>
      <td className="py-3 pr-6">
        {budget.origin === "file" ? (
          <>
            <p>In the file</p>
            <p className="max-w-44 text-xs text-muted">
              Removed there, not here. One set here goes before it.
            </p>
          </>
        ) : (
          <>
            <p>Set here</p>
            <p className="text-xs text-muted">
              {budget.updater && `by ${budget.updater}`}
              {budget.update_time && <span className="block">{formatMoment(budget.update_time)}</span>}
            </p>
          </>
        )}
      </td>
      <td className="py-2 text-right whitespace-nowrap">
        <Button
          aria-label={`Change ${name}, ${limits.join(" and ")}`}
          onClick={() => onChange(budget)}
          size="small"
          tone="quiet"
        >
          Change
        </Button>
        {budget.origin === "set" && (
          <Button
            aria-label={`Remove ${name}, ${limits.join(" and ")}`}
            className="ml-2"
            onClick={() => onRemove(budget)}
            size="small"
            tone="danger"
          >
            Remove
          </Button>
        )}
      </td>
    </tr>
  );
}

function Spent({ budget: { spending, micros, tokens, subject } }: { budget: Budget }) {
  if (!spending) {
    return (
      <p className="text-xs text-muted">
        {subject === EACH ? "Counted for each by itself" : "Cannot be told right now"}
      </p>
    );
  }
  return (
    <div className="space-y-2">
      {typeof micros === "number" && (
        <SpentBar
          limit={micros}
          reserved={spending.reserved_micros}
          used={spending.used_micros}
          write={formatMicros}
        />
      )}
      {typeof tokens === "number" && (
        <SpentBar
          limit={tokens}
          reserved={spending.reserved_tokens}
          used={spending.used_tokens}
          write={(amount) => `${formatNumber(amount)}${amount === tokens ? " tokens" : ""}`}
        />
      )}
      <p className="text-xs text-muted">Full again {formatMoment(spending.reset_time)}</p>
    </div>
  );
}
