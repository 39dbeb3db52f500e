import type { CSSProperties } from "react";
import { Link } from "react-router";
import { MoneyText } from "@/components/ui/money-text";
import { pages } from "@/config/paths";
import { QuantityStepper } from "@/features/cart/components/quantity-stepper";
import { useCart, type Line } from "@/features/cart/stores/cart-store";
import { tintOf } from "@/lib/format";
import { showToast } from "@/lib/toast";

export function BasketLines({ onOpenProduct }: { onOpenProduct?: () => void }) {
  const lines = useCart((state) => state.lines);
  return (
    <ul>
      {lines.map((line) => (
        <BasketLine key={line.productId} line={line} onOpenProduct={onOpenProduct} />
      ))}
    </ul>
  );
}

function BasketLine({ line, onOpenProduct }: { line: Line; onOpenProduct?: () => void }) {
  const setQuantity = useCart((state) => state.setQuantity);
  const takeOut = useCart((state) => state.takeOut);
  const putBack = useCart((state) => state.putBack);

  const remove = () => {
    const gone = takeOut(line.productId);
    if (gone)
      showToast({ text: `${line.title} taken out`, action: { label: "Undo", run: () => putBack(gone) } });
  };

  return (
    <li className="flex gap-4 border-b border-line py-4">
      <div
        className="ground size-24 shrink-0 rounded-md"
        style={{ "--ground": tintOf(line.tint) } as CSSProperties}
      >
        {line.imageUri && <img alt={line.imageAlt} height={96} src={line.imageUri} width={96} />}
      </div>
      <div className="flex min-w-0 flex-1 flex-col">
        <div className="flex justify-between gap-4">
          <div className="min-w-0">
            <p className="truncate text-xs text-muted">{line.brand}</p>
            <Link
              className="font-medium hover:underline"
              onClick={onOpenProduct}
              to={pages.product(line.productId)}
            >
              {line.title}
            </Link>
          </div>
          <MoneyText
            className="font-medium"
            money={{ currency: line.price.currency, minor: line.price.minor * line.quantity }}
          />
        </div>
        <div className="mt-auto flex items-center justify-between pt-3">
          <QuantityStepper
            label={`Quantity of ${line.title}`}
            max={Math.max(line.stock, 1)}
            onChange={(quantity) => setQuantity(line.productId, quantity)}
            small
            value={line.quantity}
          />
          <button className="quiet-link text-xs text-muted" onClick={remove} type="button">
            Remove<span className="sr-only"> {line.title}</span>
          </button>
        </div>
      </div>
    </li>
  );
}
