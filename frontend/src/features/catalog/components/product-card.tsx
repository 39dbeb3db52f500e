import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Product } from "@/api/types";
import { MoneyText } from "@/components/ui/money-text";
import { Skeleton } from "@/components/ui/skeleton";
import { pages } from "@/config/paths";
import { ProductPicture } from "@/features/catalog/components/product-picture";
import { cx } from "@/lib/class-names";
import { discountPercent } from "@/lib/format";

interface ProductCardProps {
  product: Product;
  /** Why it is shown, in a few words. */
  reason?: string;
  /** What can be done with it here, such as a button to buy it. */
  action?: ReactNode;
  large?: boolean;
  /** How deep it stands in the page: below a shelf's own title, or right below the page's. */
  heading?: "h2" | "h3";
  eager?: boolean;
  onOpen?: () => void;
}

export function ProductCard({
  product,
  reason,
  action,
  large = false,
  heading: Heading = "h3",
  eager = false,
  onOpen,
}: ProductCardProps) {
  const off = discountPercent(product.price, product.list_price);
  const soldOut = product.stock_quantity === 0;
  return (
    <article className="group relative flex h-full flex-col" data-testid="product-card">
      <div className="relative">
        <ProductPicture
          className={cx(
            "w-full rounded-md",
            large ? "aspect-[4/5]" : "aspect-square",
            soldOut && "opacity-70",
          )}
          eager={eager}
          product={product}
        />
        {(off !== null || soldOut) && (
          <span className="absolute top-3 left-3 rounded-full bg-surface px-3 py-0.5 text-xs font-medium text-ember-ink">
            {soldOut ? "Sold out" : `${String(off)}% less`}
          </span>
        )}
        {action && (
          <div className="absolute right-2 bottom-2 z-10 transition-opacity duration-150 focus-within:opacity-100 group-hover:opacity-100 sm:opacity-0 pointer-coarse:opacity-100">
            {action}
          </div>
        )}
      </div>
      <div className="flex flex-1 flex-col pt-3">
        <p className="truncate text-xs text-muted">{product.brand}</p>
        <Heading className={cx("font-medium", large && "display text-xl")}>
          <Link
            className="decoration-line-strong underline-offset-4 outline-offset-4 group-hover:underline after:absolute after:inset-0"
            onClick={onOpen}
            to={pages.product(product.id)}
          >
            {product.title}
          </Link>
        </Heading>
        <div className="mt-1 flex flex-wrap items-baseline gap-x-3">
          <MoneyText className="font-medium" former={product.list_price} money={product.price} />
          {product.rating.review_count > 0 && (
            <span className="figures text-xs text-muted">
              <span aria-hidden="true" className="text-ember">
                ★
              </span>{" "}
              <span className="sr-only">Rated </span>
              {product.rating.average.toFixed(1)} ({product.rating.review_count})
            </span>
          )}
        </div>
        {reason && <p className="mt-2 font-display text-sm leading-snug text-muted italic">{reason}</p>}
      </div>
    </article>
  );
}

export function ProductCardSkeleton({ large = false }: { large?: boolean }) {
  return (
    <div>
      <Skeleton className={cx("w-full rounded-md", large ? "aspect-[4/5]" : "aspect-square")} />
      <Skeleton className="mt-4 h-3 w-1/3" />
      <Skeleton className="mt-2 h-4 w-4/5" />
      <Skeleton className="mt-2 h-4 w-1/4" />
    </div>
  );
}
