import type { Money } from "@/api/types";
import { cx } from "@/lib/class-names";
import { formatMoney } from "@/lib/format";

interface MoneyTextProps {
  money: Money;
  /** The amount it used to be, struck through. */
  former?: Money | null;
  className?: string;
}

export function MoneyText({ money, former, className }: MoneyTextProps) {
  const isLess = former && former.minor > money.minor;
  return (
    <span className={cx("figures whitespace-nowrap", className)}>
      <span className={cx(isLess && "text-ember-ink")}>
        {isLess && <span className="sr-only">Now </span>}
        {formatMoney(money)}
      </span>
      {isLess && (
        <s className="ml-2 text-[0.86em] text-muted">
          <span className="sr-only">was </span>
          {formatMoney(former)}
        </s>
      )}
    </span>
  );
}
