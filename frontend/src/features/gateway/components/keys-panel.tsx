import { useInfiniteQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import type { ApiKey } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Icon } from "@/components/ui/icon";
import { EmptyNote } from "@/components/ui/notes";
import { Sheet } from "@/components/ui/sheet";
import { keysQuery } from "@/features/gateway/api/list-keys";
import { KeyTable } from "@/features/gateway/components/key-table";
import { MadeKey } from "@/features/gateway/components/made-key";
import { MoreButton } from "@/features/gateway/components/more-button";
import { NewKeyForm } from "@/features/gateway/components/new-key-form";
import { TableSkeleton } from "@/features/gateway/components/table-skeleton";
import { useCreateKey, useRevokeKey } from "@/features/gateway/hooks/use-keys";
import { showToast } from "@/lib/toast";

/** Who may call from outside the shop. */
export function KeysPanel() {
  const list = useInfiniteQuery(keysQuery);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const create = useCreateKey();
  const revoke = useRevokeKey();
  const made = create.data;

  const closeSheet = () => {
    setCreating(false);
    // A key that is still being made opens the sheet again: its secret must not come to nobody.
    if (!create.isPending) create.reset();
  };
  const closeConfirm = () => {
    setRevoking(null);
    revoke.reset();
  };
  const confirmRevoke = (key: ApiKey) =>
    revoke.mutate(key.id, {
      onSuccess: () => {
        closeConfirm();
        showToast({ text: `${key.display_name} is revoked` });
        // The button that was pressed goes with the key's last act.
        requestAnimationFrame(() => heading.current?.focus());
      },
    });

  return (
    <div>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-4">
        <h2 className="font-semibold outline-none" ref={heading} tabIndex={-1}>
          Keys
        </h2>
        <Button className="h-9! px-4!" onClick={() => setCreating(true)} tone="ink">
          <Icon name="plus" size={16} />
          New key
        </Button>
      </div>
      <AsyncView
        empty={
          <EmptyNote title="No key yet">
            <p>Make one for each program that asks the models through the gateway.</p>
          </EmptyNote>
        }
        isEmpty={(data) => data.pages.every((page) => page.keys.length === 0)}
        query={list}
        skeleton={<TableSkeleton />}
      >
        {(data) => <KeyTable keys={data.pages.flatMap((page) => page.keys)} onRevoke={setRevoking} />}
      </AsyncView>
      <MoreButton list={list} />
      <Sheet
        isSticky={made !== undefined}
        onClose={closeSheet}
        open={creating || made !== undefined}
        title={made ? "Keep the secret" : "New key"}
      >
        {made ? (
          <MadeKey made={made} onDone={closeSheet} />
        ) : (
          <NewKeyForm busy={create.isPending} error={create.error} onSubmit={(key) => create.mutate(key)} />
        )}
      </Sheet>
      {revoking && (
        <Confirm
          act="Revoke the key"
          busy={revoke.isPending}
          error={revoke.error}
          onClose={closeConfirm}
          onConfirm={() => confirmRevoke(revoking)}
          title={`Revoke ${revoking.display_name}?`}
        >
          <p>
            Whoever calls with the key that ends in …{revoking.hint} is refused within three seconds. A
            revoked key cannot be brought back.
          </p>
        </Confirm>
      )}
    </div>
  );
}
