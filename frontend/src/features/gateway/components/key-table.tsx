import type { ApiKey } from "@/api/staff-types";
import { Button } from "@/components/ui/button";
import { ScrollRegion } from "@/components/ui/scroll-region";
import { lastPart } from "@/features/gateway/hooks/usage-values";
import { cx } from "@/lib/class-names";
import { formatMoment } from "@/lib/format";

const STATES: Record<ApiKey["state"], [words: string, dot: string]> = {
  active: ["Active", "bg-moss"],
  expired: ["Expired", "bg-line-strong"],
  revoked: ["Revoked", "bg-brick"],
};

const HEADS = ["Name", "Tenant", "Secret", "State", "Made", "Expires"];
/** Where there is little room these stand below the name. */
const WIDE = ["Tenant", "Secret"];

export function KeyTable({ keys, onRevoke }: { keys: ApiKey[]; onRevoke: (key: ApiKey) => void }) {
  return (
    <ScrollRegion label="Keys">
      <table className="w-full min-w-[600px] @4xl:min-w-[820px] border-collapse text-sm">
        <thead className="text-left text-xs text-muted">
          <tr className="border-b border-line-strong">
            {HEADS.map((head) => (
              <th
                className={cx("py-2 pr-6 font-medium", WIDE.includes(head) && "hidden @4xl:table-cell")}
                key={head}
                scope="col"
              >
                {head}
              </th>
            ))}
            <th className="w-24 py-2" scope="col">
              <span className="sr-only">Acts</span>
            </th>
          </tr>
        </thead>
        <tbody className="figures">
          {keys.map((key) => (
            <KeyRow key={key.id} keyOf={key} onRevoke={onRevoke} />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function KeyRow({ keyOf: key, onRevoke }: { keyOf: ApiKey; onRevoke: (key: ApiKey) => void }) {
  const [words, dot] = STATES[key.state];
  return (
    <tr className="border-b border-line align-top">
      <th
        className={cx(
          "max-w-64 min-w-36 py-3 pr-6 text-left font-medium wrap-anywhere",
          key.state !== "active" && "text-muted",
        )}
        scope="row"
      >
        {key.display_name}
        <p className="text-xs font-normal text-muted @4xl:hidden">
          {lastPart(key.tenant)} <span className="whitespace-nowrap">…{key.hint}</span>
        </p>
      </th>
      <td className="hidden py-3 pr-6 text-muted @4xl:table-cell">{lastPart(key.tenant)}</td>
      <td className="hidden py-3 pr-6 whitespace-nowrap text-muted @4xl:table-cell">…{key.hint}</td>
      <td className="py-3 pr-6 whitespace-nowrap">
        <span className="flex items-center gap-2">
          <span aria-hidden="true" className={cx("size-2 rounded-full", dot)} />
          {words}
        </span>
        {key.revoke_time && <p className="text-xs text-muted">{formatMoment(key.revoke_time)}</p>}
      </td>
      <td className="py-3 pr-6 whitespace-nowrap text-muted">
        {formatMoment(key.create_time)}
        {key.creator && <p className="text-xs">by {key.creator}</p>}
      </td>
      <td className="py-3 pr-6 whitespace-nowrap text-muted">
        {key.expire_time ? formatMoment(key.expire_time) : "Never"}
      </td>
      <td className="py-2 text-right">
        {key.state === "active" && (
          <Button
            aria-label={`Revoke ${key.display_name}`}
            onClick={() => onRevoke(key)}
            size="small"
            tone="danger"
          >
            Revoke
          </Button>
        )}
      </td>
    </tr>
  );
}
