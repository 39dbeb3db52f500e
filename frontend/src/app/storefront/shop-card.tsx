import type { Product } from "@/api/types";
import { AddToBasket } from "@/features/cart/components/add-to-basket";
import { ProductCard } from "@/features/catalog/components/product-card";
import type { RenderProduct } from "@/features/recommendations/components/shelf-row";
import { track } from "@/lib/events";

interface ShopCardProps {
  product: Product;
  placement: string;
  reason?: string;
  large?: boolean;
  heading?: "h2" | "h3";
  eager?: boolean;
  onOpen?: () => void;
}

/** The card of the catalogue with the button of the basket on it. */
export function ShopCard({ product, placement, ...rest }: ShopCardProps) {
  return (
    <ProductCard
      action={<AddToBasket placement={placement} product={product} shape="round" />}
      product={product}
      {...rest}
    />
  );
}

/** How a shelf draws its products, and notes that one of them was followed. */
export const shelfCard =
  (placement: string): RenderProduct =>
  (product, { reason, shelfId, large }) => (
    <ShopCard
      large={large}
      onOpen={() =>
        track("recommendation_click", { product_id: product.id, placement: `${placement}:${shelfId}` })
      }
      placement={placement}
      product={product}
      reason={reason}
    />
  );
