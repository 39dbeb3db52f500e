import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Applied, MeshStatus } from "@/api/staff-types";
import { applyDelivery, checkDelivery } from "@/features/mesh/api/apply-delivery";
import { meshKey } from "@/features/mesh/api/get-mesh";

/** Both answers carry the delivery as it stands, so the page knows of a change before it asks again. */
function useTell() {
  const client = useQueryClient();
  return {
    tell: ({ delivery }: Applied) =>
      client.setQueryData<MeshStatus>(meshKey, (status) => status && { ...status, delivery }),
    askAgain: () => void client.invalidateQueries({ queryKey: meshKey }),
  };
}

export function useCheckDelivery() {
  const { tell } = useTell();
  return useMutation({ mutationFn: checkDelivery, onSuccess: tell });
}

export function useApplyDelivery() {
  const { tell, askAgain } = useTell();
  return useMutation({ mutationFn: applyDelivery, onSuccess: tell, onSettled: askAgain });
}
