import type { Usage } from "@/api/staff-types";
import { outcomeLabel } from "@/features/gateway/hooks/usage-values";
import { formatNumber } from "@/lib/format";

/** How the calls that failed did, most frequent first. */
export function FailureKinds({ failures }: { failures: Usage["failures"] }) {
  return (
    <ul aria-label="Kinds of failure" className="figures text-xs text-brick-ink">
      {failures.map((failure) => (
        <li key={failure.outcome}>
          {formatNumber(failure.count)} {outcomeLabel(failure.outcome)}
        </li>
      ))}
    </ul>
  );
}
