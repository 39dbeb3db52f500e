import { useMutation, useQueryClient } from "@tanstack/react-query";
import { changesKey } from "@/features/gateway/api/list-changes";
import { createKey } from "@/features/gateway/api/create-key";
import { keysKey } from "@/features/gateway/api/list-keys";
import { revokeKey } from "@/features/gateway/api/revoke-key";

function useRefresh() {
  const client = useQueryClient();
  return () => {
    void client.invalidateQueries({ queryKey: keysKey });
    void client.invalidateQueries({ queryKey: changesKey });
  };
}

/** The answer holds the secret, so it stays in memory only as long as it is shown. */
export function useCreateKey() {
  const refresh = useRefresh();
  return useMutation({ mutationFn: createKey, gcTime: 0, onSuccess: refresh });
}

export function useRevokeKey() {
  const refresh = useRefresh();
  return useMutation({ mutationFn: revokeKey, onSuccess: refresh });
}
