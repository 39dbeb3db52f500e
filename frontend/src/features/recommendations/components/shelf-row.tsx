import type { ReactNode } from "react";
import type { Product, Shelf } from "@/api/types";
import { withoutEchoes } from "@/features/recommendations/hooks/reasons";
import { cx } from "@/lib/class-names";

export type RenderProduct = (
  product: Product,
  options: { reason: string; shelfId: string; large: boolean },
) => ReactNode;

interface ShelfRowProps {
  shelf: Shelf;
  /** `lead` gives the first product room; `row` is a line that scrolls sideways when it has to. */
  shape: "lead" | "lead-right" | "row";
  renderProduct: RenderProduct;
}

const LEAD_SIZE = 5;

/** A shelf: what is on it and why it was put there. */
export function ShelfRow({ shelf: given, shape, renderProduct }: ShelfRowProps) {
  const shelf = withoutEchoes(given);
  const canLead = shape !== "row" && shelf.items.length >= LEAD_SIZE;
  return (
    <section aria-label={shelf.title} data-testid="shelf">
      <h2 className="display mb-6 text-xl @3xl:text-2xl">{shelf.title}</h2>
      {canLead ? (
        <LeadGrid renderProduct={renderProduct} right={shape === "lead-right"} shelf={shelf} />
      ) : (
        <Row renderProduct={renderProduct} shelf={shelf} />
      )}
    </section>
  );
}

function LeadGrid({
  shelf,
  right,
  renderProduct,
}: {
  shelf: Shelf;
  right: boolean;
  renderProduct: RenderProduct;
}) {
  const [lead, ...rest] = shelf.items.slice(0, LEAD_SIZE);
  if (!lead) return null;
  return (
    <ul className="grid grid-cols-2 gap-x-4 gap-y-8 @3xl:grid-cols-4 @3xl:gap-x-6">
      <li
        className={cx(
          "col-span-2 @3xl:row-span-2 @3xl:row-start-1",
          right ? "@3xl:col-start-3" : "@3xl:col-start-1",
        )}
      >
        {renderProduct(lead.product, { reason: lead.reason, shelfId: shelf.id, large: true })}
      </li>
      {rest.map((item) => (
        <li key={item.product.id}>
          {renderProduct(item.product, { reason: item.reason, shelfId: shelf.id, large: false })}
        </li>
      ))}
    </ul>
  );
}

function Row({ shelf, renderProduct }: { shelf: Shelf; renderProduct: RenderProduct }) {
  return (
    <ul className="-mx-4 flex snap-x scroll-px-4 gap-4 overflow-x-auto px-4 pb-3 [scrollbar-width:thin] @3xl:gap-6 @3xl:[mask-image:linear-gradient(to_right,transparent,black_16px,black_calc(100%-64px),transparent)]">
      {shelf.items.map((item) => (
        <li className="w-[44cqi] max-w-60 shrink-0 snap-start @3xl:w-[21cqi]" key={item.product.id}>
          {renderProduct(item.product, { reason: item.reason, shelfId: shelf.id, large: false })}
        </li>
      ))}
    </ul>
  );
}
