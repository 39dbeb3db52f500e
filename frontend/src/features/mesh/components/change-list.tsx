import type { DeliveryChange } from "@/api/staff-types";
import { subjectOf } from "@/features/mesh/hooks/mesh-values";

/** What would change, service by service: how it is and how it becomes. */
export function ChangeList({ changes }: { changes: DeliveryChange[] }) {
  return (
    <ul className="figures border-t border-line">
      {changes.map(({ service, field, before, after }) => (
        <li className="border-b border-line py-2.5 text-sm wrap-anywhere" key={`${service} ${field}`}>
          <p className="font-medium">
            {service} <span className="text-xs font-normal text-muted">{subjectOf(field)}</span>
          </p>
          <p>
            <span className="text-muted">{before || "none"}</span>
            <span aria-hidden="true" className="px-2 text-muted">
              →
            </span>
            <span className="sr-only"> becomes </span>
            {after || "none"}
          </p>
        </li>
      ))}
    </ul>
  );
}
