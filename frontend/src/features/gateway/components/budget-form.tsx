import { useState, type FormEvent } from "react";
import type { ApiKey, Budget, NewBudget } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { Field, SelectField } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/notes";
import { SubjectField } from "@/features/gateway/components/subject-field";
import {
  EACH,
  readBudget,
  subjectLabel,
  SUBJECTS,
  WINDOWS,
  type BudgetMistakes,
  type SubjectKind,
} from "@/features/gateway/hooks/budget-values";
import { microsToText } from "@/lib/format";
import { toProblem } from "@/lib/problem";

interface BudgetFormProps {
  /** The one whose limits are replaced; without it a new one is set. */
  budget?: Budget;
  keys?: ApiKey[];
  busy: boolean;
  error: Error | null;
  onSubmit: (budget: NewBudget) => void;
}

/** Limits of a subject and a window; they take the place of those that are there. */
export function BudgetForm({ budget, keys = [], busy, error, onSubmit }: BudgetFormProps) {
  const [mistakes, setMistakes] = useState<BudgetMistakes>({});
  const problem = error ? toProblem(error) : undefined;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const read = readBudget(new FormData(event.currentTarget));
    setMistakes("mistakes" in read ? read.mistakes : {});
    if ("budget" in read) onSubmit(read.budget);
  };

  return (
    <form className="space-y-4" noValidate onSubmit={submit}>
      {budget ? (
        <FixedSubject budget={budget} keys={keys} />
      ) : (
        <ChosenSubject error={mistakes.subject ?? problem?.fieldMessage("subject")} keys={keys} />
      )}
      <Field
        autoComplete="off"
        defaultValue={typeof budget?.micros === "number" ? microsToText(budget.micros) : ""}
        error={mistakes.micros ?? problem?.fieldMessage("micros")}
        inputMode="decimal"
        label="Limit in dollars"
        name="dollars"
        placeholder="25.00"
      />
      <Field
        autoComplete="off"
        defaultValue={typeof budget?.tokens === "number" ? String(budget.tokens) : ""}
        error={mistakes.tokens ?? problem?.fieldMessage("tokens")}
        hint="In and out together"
        inputMode="numeric"
        label="Limit in tokens"
        name="tokens"
        placeholder="1000000"
      />
      <p className="text-xs text-muted">An empty field limits nothing; 0 allows nothing at all.</p>
      {mistakes.form && (
        <p className="rounded-sm bg-brick-wash px-3 py-2 text-sm text-brick-ink" role="alert">
          {mistakes.form}
        </p>
      )}
      {error && <ErrorNote className="p-4!" error={error} />}
      <Button busy={busy} className="w-full" size="large" tone="ink" type="submit">
        {budget ? "Replace the budget" : "Set the budget"}
      </Button>
    </form>
  );
}

function FixedSubject({ budget, keys }: { budget: Budget; keys: ApiKey[] }) {
  return (
    <>
      <p>
        <span className="font-medium">{subjectLabel(budget, keys)}</span>, {WINDOWS[budget.window]}
      </p>
      {budget.origin === "file" && (
        <p className="text-xs text-muted">
          The file keeps its own. What is set here goes before it until it is removed.
        </p>
      )}
      <input name="kind" type="hidden" value={budget.subject_kind} />
      <input name="scope" type="hidden" value={budget.subject === EACH ? EACH : "one"} />
      <input name="subject" type="hidden" value={budget.subject} />
      <input name="window" type="hidden" value={budget.window} />
    </>
  );
}

function ChosenSubject({ keys, error }: { keys: ApiKey[]; error: string | undefined }) {
  const [kind, setKind] = useState<SubjectKind>("tenant");
  const [scope, setScope] = useState("one");
  return (
    <>
      <SelectField
        label="Whose spending"
        name="kind"
        onChange={(event) => setKind(event.target.value as SubjectKind)}
        value={kind}
      >
        {Object.entries(SUBJECTS).map(([value, [one]]) => (
          <option key={value} value={value}>
            {one}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="Holds for"
        name="scope"
        onChange={(event) => setScope(event.target.value)}
        value={scope}
      >
        <option value="one">One of them</option>
        <option value={EACH}>Each that has no budget of its own</option>
      </SelectField>
      {scope === "one" && (
        <SubjectField error={error} keys={keys.filter((key) => key.state === "active")} kind={kind} />
      )}
      <SelectField hint="Months are those of the calendar, in UTC" label="Full again each" name="window">
        <option value="month">Month</option>
        <option value="minute">Minute</option>
      </SelectField>
    </>
  );
}
