import { useEffect, useState } from "react";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { useCart } from "@/features/cart/stores/cart-store";
import { track } from "@/lib/events";
import { showToast } from "@/lib/toast";

interface AddToBasketProps {
  product: Product;
  quantity?: number;
  /** `round` is a plus on a picture, `small` a short button, `wide` the main act of a page. */
  shape?: "round" | "small" | "wide";
  placement?: string;
}

const SAID_FOR_MS = 1600;

export function AddToBasket({ product, quantity = 1, shape = "wide", placement }: AddToBasketProps) {
  const add = useCart((state) => state.add);
  const setOpen = useCart((state) => state.setOpen);
  const [added, setAdded] = useState(false);
  const soldOut = product.stock_quantity <= 0;

  useEffect(() => {
    if (!added) return undefined;
    const timer = setTimeout(() => setAdded(false), SAID_FOR_MS);
    return () => clearTimeout(timer);
  }, [added]);

  const put = () => {
    add(product, quantity);
    setAdded(true);
    track("add_to_cart", { product_id: product.id, quantity, value: product.price, placement });
    showToast({
      text: `${product.title} is in your basket`,
      action: { label: "View", run: () => setOpen(true) },
    });
  };

  if (shape === "round") {
    if (soldOut) return null;
    return (
      <Button
        aria-label={`Add ${product.title} to basket`}
        className="shadow-lift"
        data-testid="add-to-basket"
        onClick={put}
        size="icon"
        tone="ink"
      >
        <Icon name={added ? "check" : "plus"} />
      </Button>
    );
  }
  const label = soldOut ? "Sold out" : added ? "Added" : "Add to basket";
  return (
    <Button
      className={shape === "wide" ? "min-w-0 flex-1 shrink px-4!" : undefined}
      data-testid="add-to-basket"
      disabled={soldOut}
      onClick={put}
      size={shape === "wide" ? "large" : "small"}
      tone={shape === "wide" ? "ember" : "line"}
    >
      {added && <Icon name="check" size={18} />}
      {label}
      {shape === "small" && <span className="sr-only">: {product.title}</span>}
    </Button>
  );
}
