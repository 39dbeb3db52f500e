import { useInfiniteQuery } from "@tanstack/react-query";
import { EmptyNote } from "@/components/ui/notes";
import { Skeleton } from "@/components/ui/skeleton";
import { adminProductsQuery } from "@/features/catalog/api/admin-products";
import { ProductPicture } from "@/features/catalog/components/product-picture";

const OFFERED = 8;

/** Before a product is picked: the newest ones, drafts first, because they are the likeliest to lack words. */
export function StudioStart({ onPick }: { onPick: (id: string) => void }) {
  const drafts = useInfiniteQuery(adminProductsQuery({ query: "", state: "draft", category: "" }));
  const onSale = useInfiniteQuery(adminProductsQuery({ query: "", state: "all", category: "" }));
  const listed = [drafts, onSale].flatMap((list) => list.data?.pages.flatMap((page) => page.products) ?? []);
  const products = [...new Map(listed.map((product) => [product.id, product])).values()].slice(0, OFFERED);
  return (
    <div className="mx-auto max-w-3xl">
      <EmptyNote title="What shall we write about?">
        <p>Search for a product above, or begin with one of the newest.</p>
      </EmptyNote>
      {drafts.isPending || onSale.isPending ? (
        <Skeleton className="h-64" />
      ) : (
        <ul className="grid gap-x-8 border-t border-line @2xl:grid-cols-2">
          {products.map((product) => (
            <li className="border-b border-line" key={product.id}>
              <button
                className="flex w-full items-center gap-4 py-3 text-left hover:text-ember-ink"
                onClick={() => onPick(product.id)}
                type="button"
              >
                <ProductPicture className="size-11 shrink-0 rounded-sm" product={product} />
                <span className="min-w-0">
                  <span className="block truncate font-medium">{product.title}</span>
                  <span className="block truncate text-xs text-muted">
                    {product.description === "" ? "Nothing is written about it yet" : product.category.title}
                  </span>
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
