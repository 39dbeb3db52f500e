import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import type { Budget, NewBudget } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Icon } from "@/components/ui/icon";
import { DegradedNote, EmptyNote } from "@/components/ui/notes";
import { Sheet } from "@/components/ui/sheet";
import { budgetsQuery } from "@/features/gateway/api/list-budgets";
import { newestKeysQuery } from "@/features/gateway/api/list-keys";
import { BudgetForm } from "@/features/gateway/components/budget-form";
import { BudgetTable } from "@/features/gateway/components/budget-table";
import { TableSkeleton } from "@/features/gateway/components/table-skeleton";
import { limitTexts, subjectLabel } from "@/features/gateway/hooks/budget-values";
import { useDeleteBudget, useSetBudget } from "@/features/gateway/hooks/use-budgets";
import { showToast } from "@/lib/toast";

/** How much may be spent, by whom, and how much of it is. */
export function BudgetsPanel() {
  const query = useQuery(budgetsQuery);
  const { data: keys } = useQuery(newestKeysQuery);
  const [editing, setEditing] = useState<Budget | "new" | null>(null);
  const [removing, setRemoving] = useState<Budget | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const set = useSetBudget();
  const drop = useDeleteBudget();

  const closeSheet = () => {
    setEditing(null);
    set.reset();
  };
  const closeConfirm = () => {
    setRemoving(null);
    drop.reset();
  };
  const submit = (budget: NewBudget) =>
    set.mutate(budget, {
      onSuccess: () => {
        closeSheet();
        showToast({ text: `${subjectLabel(budget, keys)}: ${limitTexts(budget).join(" and ")}` });
      },
    });
  const confirmRemove = (budget: Budget) =>
    drop.mutate(budget.id, {
      onSuccess: () => {
        closeConfirm();
        showToast({ text: `The budget of ${subjectLabel(budget, keys)} is removed` });
        // The row and its button are gone.
        requestAnimationFrame(() => heading.current?.focus());
      },
    });

  return (
    <div>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
        <h2 className="font-semibold outline-none" ref={heading} tabIndex={-1}>
          Budgets
        </h2>
        <Button className="h-9! px-4!" onClick={() => setEditing("new")} tone="ink">
          <Icon name="plus" size={16} />
          New budget
        </Button>
      </div>
      <AsyncView
        empty={
          <EmptyNote title="Nothing is limited">
            <p>Set a budget for a tenant, a use case, a user or a key, and calls beyond it are refused.</p>
          </EmptyNote>
        }
        isEmpty={({ budgets }) => budgets.length === 0}
        query={query}
        skeleton={<TableSkeleton />}
      >
        {({ budgets, degraded }) => (
          <>
            {degraded.length > 0 && (
              <div className="mb-4">
                <DegradedNote>
                  How far budgets are spent cannot be told right now. They hold all the same.
                </DegradedNote>
              </div>
            )}
            <BudgetTable budgets={budgets} keys={keys} onChange={setEditing} onRemove={setRemoving} />
          </>
        )}
      </AsyncView>
      <Sheet
        onClose={closeSheet}
        open={editing !== null}
        title={editing === "new" || !editing ? "New budget" : "Change the budget"}
      >
        <BudgetForm
          budget={editing === "new" || !editing ? undefined : editing}
          busy={set.isPending}
          error={set.error}
          keys={keys}
          onSubmit={submit}
        />
      </Sheet>
      {removing && (
        <Confirm
          act="Remove the budget"
          busy={drop.isPending}
          error={drop.error}
          onClose={closeConfirm}
          onConfirm={() => confirmRemove(removing)}
          title="Remove this budget?"
        >
          <p>
            {subjectLabel(removing, keys)}: {limitTexts(removing).join(" and ")}. If the file has one for the
            same, that holds again; otherwise nothing of this kind is limited.
          </p>
        </Confirm>
      )}
    </div>
  );
}
