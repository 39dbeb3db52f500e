import type { CSSProperties } from "react";
import type { Product } from "@/api/types";
import { cx } from "@/lib/class-names";
import { tintOf } from "@/lib/format";

interface ProductPictureProps {
  product: Product;
  index?: number;
  eager?: boolean;
  className?: string;
}

/** A picture on its category's ground; the ground alone when there is none. */
export function ProductPicture({ product, index = 0, eager = false, className }: ProductPictureProps) {
  const picture = product.images[index];
  return (
    <div
      className={cx("ground", className)}
      style={{ "--ground": tintOf(product.category.tint) } as CSSProperties}
    >
      {picture && (
        <img
          alt={picture.alt_text}
          decoding="async"
          fetchPriority={eager ? "high" : "auto"}
          height={picture.height}
          loading={eager ? "eager" : "lazy"}
          src={picture.uri}
          width={picture.width}
        />
      )}
    </div>
  );
}
