import type { Product } from "@/api/types";
import { terms } from "@/config/env";
import { cx } from "@/lib/class-names";

/** Whether it can be had and when it comes, in plain words. */
export function StockNote({ product }: { product: Product }) {
  const left = product.stock_quantity;
  const soldOut = left <= 0;
  const few = left > 0 && left <= terms.fewLeft;
  const words = soldOut ? "Sold out for now" : few ? `Only ${String(left)} left` : "In stock";
  return (
    <div className="flex gap-3">
      <span
        aria-hidden="true"
        className={cx(
          "mt-2 size-2 shrink-0 rounded-full",
          soldOut ? "bg-line-strong" : few ? "bg-ember" : "bg-moss",
        )}
      />
      <p>
        <span className={cx("font-medium", few && "text-ember-ink", !soldOut && !few && "text-moss-ink")}>
          {words}
        </span>
        {product.delivery_note && !soldOut && (
          <span className="block text-muted">{product.delivery_note}</span>
        )}
        {soldOut && (
          <span className="block text-muted">The assistant can look for something close to it.</span>
        )}
      </p>
    </div>
  );
}
