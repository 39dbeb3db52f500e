import { cx } from "@/lib/class-names";
import { formatPercent } from "@/lib/format";

interface SpentBarProps {
  used: number;
  reserved: number;
  limit: number;
  /** Writes an amount. */
  write: (amount: number) => string;
}

const NEARLY = 0.9;

/** How much of a limit is used, and how much is set aside for calls on their way. */
export function SpentBar({ used, reserved, limit, write }: SpentBarProps) {
  const whole = Math.max(limit, 1);
  const usedShare = limit === 0 ? 1 : Math.min(used / whole, 1);
  const reservedShare = Math.min(reserved / whole, 1 - usedShare);
  const share = limit === 0 ? 1 : (used + reserved) / whole;
  const fill = share >= NEARLY ? "bg-brick" : "bg-ember";
  return (
    <div>
      <div aria-hidden="true" className="flex h-1.5 overflow-hidden rounded-full bg-line">
        <span className={fill} style={{ width: `${String(usedShare * 100)}%` }} />
        <span className={cx(fill, "opacity-45")} style={{ width: `${String(reservedShare * 100)}%` }} />
      </div>
      <p className="mt-1 text-xs text-muted">
        {write(used)} of {write(limit)} used
        {reserved > 0 && `, ${write(reserved)} set aside`}
        {limit > 0 && (
          <span className={cx("ml-2 font-medium", share >= NEARLY ? "text-brick-ink" : "text-ink")}>
            {formatPercent(share, 0)}
          </span>
        )}
      </p>
    </div>
  );
}
