import { useState } from "react";
import type { Product } from "@/api/types";
import { ProductPicture } from "@/features/catalog/components/product-picture";
import { cx } from "@/lib/class-names";

/** The pictures of one product: one large, the others one press away. */
export function Gallery({ product }: { product: Product }) {
  const [shown, setShown] = useState(0);
  const index = Math.min(shown, Math.max(product.images.length - 1, 0));
  return (
    <div className="space-y-3">
      <ProductPicture
        className="aspect-square w-full rounded-lg @3xl:aspect-[6/5]"
        eager
        index={index}
        key={index}
        product={product}
      />
      {product.images.length > 1 && (
        <ul aria-label="Pictures" className="flex gap-3">
          {product.images.map((picture, position) => (
            <li key={picture.uri}>
              <button
                aria-current={position === index}
                aria-label={`Picture ${String(position + 1)}: ${picture.alt_text}`}
                className={cx(
                  "block rounded-md p-0.5 transition-shadow",
                  position === index
                    ? "shadow-[0_0_0_2px_var(--ink)]"
                    : "hover:shadow-[0_0_0_2px_var(--line-strong)]",
                )}
                onClick={() => setShown(position)}
                type="button"
              >
                <ProductPicture className="size-18 rounded-sm" index={position} product={product} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
