import { useInfiniteQuery } from "@tanstack/react-query";
import type { Change } from "@/api/staff-types";
import { AsyncView } from "@/components/ui/async-view";
import { EmptyNote } from "@/components/ui/notes";
import { changesQuery } from "@/features/gateway/api/list-changes";
import { MoreButton } from "@/features/gateway/components/more-button";
import { TableSkeleton } from "@/features/gateway/components/table-skeleton";
import { formatMoment, labelOf } from "@/lib/format";

const ACTIONS: Record<string, string> = {
  CreateApiKey: "Made a key",
  RevokeApiKey: "Revoked a key",
  SetBudget: "Set a budget",
  DeleteBudget: "Removed a budget",
};

/** "PurgeCache" -> "Purge cache", for acts that have no words here. */
const actionLabel = (action: string): string =>
  ACTIONS[action] ?? labelOf(action.replace(/(?<=[a-z])([A-Z])/g, " $1").toLowerCase());

/** Who changed what, newest first. */
export function ChangesPanel() {
  const list = useInfiniteQuery(changesQuery);
  return (
    <div>
      <h2 className="mb-4 font-semibold">Changes</h2>
      <AsyncView
        empty={
          <EmptyNote title="Nothing was changed yet">
            <p>Whoever makes or revokes a key, or sets or removes a budget, is noted here.</p>
          </EmptyNote>
        }
        isEmpty={(data) => data.pages.every((page) => page.changes.length === 0)}
        query={list}
        skeleton={<TableSkeleton />}
      >
        {(data) => (
          <ul className="border-t border-line">
            {data.pages
              .flatMap((page) => page.changes)
              .map((change, index) => (
                <ChangeLine change={change} key={`${change.create_time}${change.resource}${String(index)}`} />
              ))}
          </ul>
        )}
      </AsyncView>
      <MoreButton list={list} />
    </div>
  );
}

function ChangeLine({ change }: { change: Change }) {
  return (
    <li className="grid gap-x-8 border-b border-line py-3 @3xl:grid-cols-[11rem_10rem_minmax(0,1fr)]">
      <time className="figures text-xs text-muted" dateTime={change.create_time}>
        {formatMoment(change.create_time)}
      </time>
      <p>
        <span className="font-medium">{actionLabel(change.action)}</span>
        <span className="block text-xs wrap-anywhere text-muted">{change.actor}</span>
      </p>
      <p className="wrap-anywhere">
        {change.detail}
        <span className="block text-xs text-muted">{change.resource}</span>
      </p>
    </li>
  );
}
