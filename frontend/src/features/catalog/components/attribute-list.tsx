import type { Product } from "@/api/types";
import { labelOf } from "@/lib/format";

/** The facts of a product, as a plain ledger. */
export function AttributeList({ product }: { product: Product }) {
  const rows = Object.entries(product.attributes).filter(([, value]) => value !== "");
  if (rows.length === 0) return null;
  return (
    <dl className="grid grid-cols-1 gap-x-12 @2xl:grid-cols-2">
      {rows.map(([key, value]) => (
        <div className="flex gap-4 border-b border-line py-3" key={key}>
          <dt className="w-2/5 shrink-0 text-muted">{labelOf(key)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
