import type { Share } from "@/features/mesh/hooks/mesh-values";
import { formatShare, STABLE } from "@/features/mesh/hooks/mesh-values";
import { cx } from "@/lib/class-names";

const CANARIES = ["bg-ember", "bg-moss", "bg-glow"];

/** Which version gets how much of the calls: a bar, and the same in words. */
export function ShareBar({ shares }: { shares: Share[] }) {
  const canaries = shares.filter(({ version }) => version !== STABLE).map(({ version }) => version);
  const fill = (version: string) =>
    version === STABLE ? "bg-line-strong" : CANARIES[canaries.indexOf(version) % CANARIES.length];
  return (
    <div>
      <div aria-hidden="true" className="flex h-1.5 gap-0.5 overflow-hidden rounded-full bg-line">
        {shares
          .filter(({ share }) => share > 0)
          .map(({ version, share }) => (
            <span
              className={cx("min-w-1", fill(version))}
              key={version}
              style={{ flexGrow: share, flexBasis: 0 }}
            />
          ))}
      </div>
      <ul aria-label="Shares of calls" className="figures mt-1.5 flex flex-wrap gap-x-4 gap-y-1 text-xs">
        {shares.map(({ version, share }) => (
          <li className="flex items-center gap-1.5" key={version}>
            <span
              aria-hidden="true"
              className={cx("size-2 rounded-full", share > 0 ? fill(version) : "border border-line-strong")}
            />
            {version} <span className="font-medium">{formatShare(share)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
