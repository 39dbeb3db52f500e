import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { MoneyText } from "@/components/ui/money-text";
import { terms } from "@/config/env";
import { pages } from "@/config/paths";
import { encodeBasket, totalsOf, useCart } from "@/features/cart/stores/cart-store";
import { formatMoney, formatMoneyShort } from "@/lib/format";
import { showToast } from "@/lib/toast";

/** What it comes to, what delivery costs, and how to keep it. */
export function BasketSummary() {
  const lines = useCart((state) => state.lines);
  const totals = totalsOf(lines);
  const reached = Math.min(totals.goods.minor / terms.freeDeliveryFromMinor, 1);

  const save = async () => {
    const link = `${window.location.origin}${pages.basket()}?items=${encodeBasket(lines)}`;
    try {
      await navigator.clipboard.writeText(link);
      showToast({ text: "Basket saved: its link is copied. Open it on any device to have it back." });
    } catch {
      window.prompt("Keep this link to have your basket back:", link);
    }
  };

  return (
    <div className="space-y-4">
      <div>
        <div aria-hidden="true" className="h-1 overflow-hidden rounded-full bg-line">
          <div
            className="h-full rounded-full bg-moss transition-[width] duration-200"
            style={{ width: `${String(reached * 100)}%` }}
          />
        </div>
        <p className="mt-2 text-xs text-muted">
          {totals.untilFree.minor > 0
            ? `${formatMoney(totals.untilFree)} more and delivery is free`
            : `Delivery is free from ${formatMoneyShort({ currency: terms.currency, minor: terms.freeDeliveryFromMinor })}: yours is`}
        </p>
      </div>
      <dl className="space-y-1">
        <SummaryRow label="Goods" value={<MoneyText money={totals.goods} />} />
        <SummaryRow
          label="Delivery"
          value={totals.delivery.minor === 0 ? "Free" : <MoneyText money={totals.delivery} />}
        />
        <div className="flex items-baseline justify-between pt-2">
          <dt className="font-semibold">Total</dt>
          <dd className="display text-xl">
            <MoneyText money={totals.total} />
          </dd>
        </div>
      </dl>
      <Button className="w-full" onClick={() => void save()} size="large" tone="ink">
        <Icon name="link" size={18} />
        Save basket
      </Button>
      <p className="text-xs text-muted">
        Online checkout is switched off in this demo shop. Your basket stays on this device.
      </p>
    </div>
  );
}

function SummaryRow({ label, value }: { label: string; value: React.ReactNode }) {
  return (
    <div className="flex justify-between">
      <dt className="text-muted">{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
