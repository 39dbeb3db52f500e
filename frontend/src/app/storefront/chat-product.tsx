import { Link } from "react-router";
import type { Product } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Icon } from "@/components/ui/icon";
import { MoneyText } from "@/components/ui/money-text";
import { pages } from "@/config/paths";
import { AddToBasket } from "@/features/cart/components/add-to-basket";
import { ProductPicture } from "@/features/catalog/components/product-picture";
import { useChat } from "@/features/chat/stores/chat-store";

/** A product inside the conversation: its own picture, price and button, alive rather than quoted. */
export function ChatProduct({ product }: { product: Product }) {
  return (
    <article
      className="flex items-center gap-3 rounded-md bg-surface p-2 pr-3 shadow-lift"
      data-testid="product-card"
    >
      <ProductPicture className="size-18 shrink-0 rounded-sm" product={product} />
      <div className="min-w-0 flex-1">
        <Link className="line-clamp-2 font-medium hover:underline" to={pages.product(product.id)}>
          {product.title}
        </Link>
        <div className="mt-1 flex flex-wrap items-center justify-between gap-x-2 gap-y-1">
          <MoneyText former={product.list_price} money={product.price} />
          <AddToBasket placement="assistant" product={product} shape="small" />
        </div>
      </div>
    </article>
  );
}

/** What the conversation is about: the price stays in sight whatever the panel covers. */
export function ChatSubject({ product }: { product: Product }) {
  const setSubject = useChat((state) => state.setSubject);
  return (
    <div className="flex items-center gap-3">
      <ProductPicture className="size-11 shrink-0 rounded-sm" product={product} />
      <div className="min-w-0 flex-1">
        <p className="text-xs text-muted">Asking about</p>
        <p className="truncate font-medium">{product.title}</p>
      </div>
      <MoneyText className="font-medium" money={product.price} />
      <Button
        aria-label={`Ask about other things than ${product.title}`}
        className="-mr-2"
        onClick={() => setSubject(null)}
        size="iconSmall"
        tone="quiet"
      >
        <Icon name="close" size={14} />
      </Button>
    </div>
  );
}
