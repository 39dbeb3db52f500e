import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Button } from "@/components/ui/button";
import { EmptyNote, ErrorNote } from "@/components/ui/notes";
import { Icon } from "@/components/ui/icon";
import { Sheet } from "@/components/ui/sheet";
import { Skeleton } from "@/components/ui/skeleton";
import { adminProductsQuery, type AdminFilter } from "@/features/catalog/api/admin-products";
import { categoriesQuery } from "@/features/catalog/api/list-categories";
import { ProductForm } from "@/features/catalog/components/product-form";
import { ProductTable } from "@/features/catalog/components/product-table";
import { plural } from "@/lib/format";
import { useDocumentTitle } from "@/lib/use-document-title";

const control = "h-9 rounded-sm border border-line-strong bg-surface px-3 text-sm hover:border-ink";

export function ProductsPage() {
  useDocumentTitle("Products");
  const [text, setText] = useState("");
  const [state, setState] = useState<AdminFilter["state"]>("all");
  const [category, setCategory] = useState("");
  const [creating, setCreating] = useState(false);
  const query = useDeferredValue(text.trim());
  const list = useInfiniteQuery(adminProductsQuery({ query, state, category }));
  const { data: categories } = useQuery(categoriesQuery);
  const products = list.data?.pages.flatMap((page) => page.products);
  const total = list.data?.pages[0]?.total_size;

  return (
    <div>
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="display mr-auto text-xl">
          Products
          <span className="figures ml-3 font-sans text-sm font-normal tracking-normal text-muted">
            {total === undefined ? "" : plural(total, "product", "products")}
          </span>
        </h1>
        <label className="sr-only" htmlFor="product-search">
          Search products
        </label>
        <input
          className={`${control} w-full @2xl:w-64`}
          id="product-search"
          onChange={(event) => setText(event.target.value)}
          placeholder="Search products"
          type="search"
          value={text}
        />
        <select
          aria-label="Department"
          className={control}
          onChange={(event) => setCategory(event.target.value)}
          value={category}
        >
          <option value="">All departments</option>
          {categories?.map((each) => (
            <option key={each.id} value={each.id}>
              {each.title}
            </option>
          ))}
        </select>
        <select
          aria-label="State"
          className={control}
          onChange={(event) => setState(event.target.value as AdminFilter["state"])}
          value={state}
        >
          <option value="all">Any state</option>
          <option value="active">On sale</option>
          <option value="draft">Draft</option>
          <option value="archived">Archived</option>
        </select>
        <Button className="h-9! px-4!" onClick={() => setCreating(true)} tone="ink">
          <Icon name="plus" size={16} />
          New product
        </Button>
      </div>
      <p className="mt-2 mb-4 hidden text-xs text-muted @3xl:block">
        Arrow keys move between price, stock and state. Enter edits and saves, Escape takes back.
      </p>
      {!products && list.error ? (
        <ErrorNote error={list.error} onRetry={() => void list.refetch()} />
      ) : !products ? (
        <TableSkeleton />
      ) : products.length === 0 ? (
        <EmptyNote title="Nothing fits">
          <p>Change the search or the state, or create the product that is missing.</p>
        </EmptyNote>
      ) : (
        <ProductTable products={products} />
      )}
      {list.hasNextPage && (
        <div className="mt-6 flex justify-center">
          <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      <Sheet onClose={() => setCreating(false)} open={creating} title="New product">
        <ProductForm onDone={() => setCreating(false)} />
      </Sheet>
    </div>
  );
}

function TableSkeleton() {
  return (
    <div aria-busy="true" className="space-y-2 pt-8">
      <span className="sr-only">Loading</span>
      {Array.from({ length: 12 }, (_, index) => (
        <Skeleton className="h-11 w-full" key={index} />
      ))}
    </div>
  );
}
