import { useMutation, useQueryClient } from "@tanstack/react-query";
import { deleteBudget } from "@/features/gateway/api/delete-budget";
import { budgetsKey } from "@/features/gateway/api/list-budgets";
import { changesKey } from "@/features/gateway/api/list-changes";
import { setBudget } from "@/features/gateway/api/set-budget";

function useRefresh() {
  const client = useQueryClient();
  return () => {
    void client.invalidateQueries({ queryKey: budgetsKey });
    void client.invalidateQueries({ queryKey: changesKey });
  };
}

export function useSetBudget() {
  const refresh = useRefresh();
  return useMutation({ mutationFn: setBudget, onSuccess: refresh });
}

export function useDeleteBudget() {
  const refresh = useRefresh();
  return useMutation({ mutationFn: deleteBudget, onSuccess: refresh });
}
