import { useQuery } from "@tanstack/react-query";
import type { Placement } from "@/api/types";
import { ErrorNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { shelvesQuery } from "@/features/recommendations/api/get-shelves";
import { ShelfRow, type RenderProduct } from "@/features/recommendations/components/shelf-row";

interface ShelvesProps {
  placement: Placement;
  productId?: string;
  basket?: string[];
  /** Which of the shelves to draw: a page may put something between them. */
  from?: number;
  to?: number;
  renderProduct: RenderProduct;
}

const SHAPES = ["lead", "row", "lead-right", "row"] as const;

export function Shelves({ placement, productId, basket, from = 0, to, renderProduct }: ShelvesProps) {
  const query = useQuery(shelvesQuery({ placement, productId, basket }));
  if (query.isPending) return <ShelfSkeleton lead={placement === "home" && from % 2 === 0} />;
  if (!query.data) {
    // Several parts of a page may share one answer; only the first of them speaks about its failure.
    return from === 0 ? <ErrorNote error={query.error} onRetry={() => void query.refetch()} /> : null;
  }
  // An empty shelf is not drawn: on every page it stands on there is something else to do.
  const shelves = query.data.shelves.filter((shelf) => shelf.items.length > 0);
  return shelves
    .slice(from, to)
    .map((shelf, index) => (
      <ShelfRow
        key={`${shelf.id}:${shelf.anchor_product_id ?? ""}`}
        renderProduct={renderProduct}
        shape={placement === "home" ? (SHAPES[(from + index) % SHAPES.length] ?? "row") : "row"}
        shelf={shelf}
      />
    ));
}

function ShelfSkeleton({ lead }: { lead: boolean }) {
  return (
    <div aria-busy="true">
      <Skeleton className="mb-6 h-8 w-72 max-w-full" />
      <div className="grid grid-cols-2 gap-4 @3xl:grid-cols-4 @3xl:gap-6">
        {lead && <Skeleton className="col-span-2 row-span-2 min-h-96 rounded-md" />}
        {[0, 1, 2, 3].map((index) => (
          <Skeleton className="aspect-[3/4] rounded-md" key={index} />
        ))}
      </div>
    </div>
  );
}
