import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import type { FacetField, ProductPage } from "@/api/types";
import { ShopCard } from "@/app/storefront/shop-card";
import { ListingBar } from "@/app/storefront/listing-bar";
import { Button } from "@/components/ui/button";
import { EmptyNote, ErrorNote } from "@/components/ui/notes";
import { Sheet } from "@/components/ui/sheet";
import { productPagesQuery } from "@/features/catalog/api/list-products";
import { FacetList } from "@/features/catalog/components/facet-list";
import { ProductCardSkeleton } from "@/features/catalog/components/product-card";
import { cleared, readFilters, writeFilters, type Filters } from "@/features/catalog/hooks/filters";
import { cx } from "@/lib/class-names";
import { formatNumber } from "@/lib/format";

interface ListingProps {
  query?: string;
  category?: string;
  placement: string;
  hide?: FacetField[];
  /** What stands above the list once the first page is known. */
  head: (page: ProductPage | undefined) => ReactNode;
  empty: ReactNode;
  onAnswer?: (page: ProductPage) => void;
}

/** A list that can be narrowed. What it shows stays in place until the next answer is here, so nothing jumps. */
export function Listing({ query = "", category, placement, hide, head, empty, onAnswer }: ListingProps) {
  const [params, setParams] = useSearchParams();
  const [sheetOpen, setSheetOpen] = useState(false);
  const chosen = readFilters(params);
  const asked: Filters = category ? { ...chosen, category: [category] } : chosen;
  const pages = useInfiniteQuery(productPagesQuery(asked, query));
  const first = pages.data?.pages[0];
  const change = (filters: Filters) => setParams(writeFilters(filters, query), { preventScrollReset: true });

  useEffect(() => {
    if (first && !pages.isPlaceholderData) onAnswer?.(first);
    // The answer is told once per answer, whoever listens.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [first, pages.isPlaceholderData]);

  const failed = !first && pages.error !== null;
  const facets = failed ? null : (
    <FacetList facets={first?.facets} filters={chosen} hide={hide} onChange={change} />
  );
  return (
    <div className="page pt-6 @3xl:pt-8">
      {head(pages.isPlaceholderData ? undefined : first)}
      <div className="mt-8 grid items-start gap-12 @4xl:grid-cols-[216px_minmax(0,1fr)]">
        <aside aria-label="Narrow the list" className="hidden @4xl:block">
          {facets}
        </aside>
        <div className="min-h-[70dvh]">
          {!failed && (
            <ListingBar
              facets={first?.facets}
              filters={chosen}
              onChange={change}
              onOpenFacets={() => setSheetOpen(true)}
              searching={query !== ""}
              total={first?.total_size}
            />
          )}
          {failed ? (
            <ErrorNote error={pages.error} onRetry={() => void pages.refetch()} />
          ) : first && first.total_size === 0 && first.products.length === 0 ? (
            <NothingLeft empty={empty} filters={chosen} onChange={change} />
          ) : (
            <Grid busy={pages.isPlaceholderData} pages={pages.data?.pages} placement={placement} />
          )}
          {pages.hasNextPage && <More pages={pages} />}
        </div>
      </div>
      <Sheet
        footer={
          <Button className="w-full" onClick={() => setSheetOpen(false)} size="large" tone="ink">
            Show {first ? formatNumber(first.total_size) : ""} things
          </Button>
        }
        onClose={() => setSheetOpen(false)}
        open={sheetOpen}
        side="left"
        title="Narrow the list"
      >
        {facets}
      </Sheet>
    </div>
  );
}

const EAGER = 4;

function Grid({
  pages,
  busy,
  placement,
}: {
  pages: ProductPage[] | undefined;
  busy: boolean;
  placement: string;
}) {
  const products = pages?.flatMap((page) => page.products);
  return (
    <ul
      aria-busy={busy || !products}
      className={cx(
        "grid grid-cols-2 gap-x-4 gap-y-8 transition-opacity @2xl:grid-cols-3 @2xl:gap-x-6 @6xl:grid-cols-4",
        busy && "opacity-55",
      )}
    >
      {products
        ? products.map((product, index) => (
            <li key={product.id}>
              <ShopCard eager={index < EAGER} heading="h2" placement={placement} product={product} />
            </li>
          ))
        : Array.from({ length: 12 }, (_, index) => (
            <li key={index}>
              <ProductCardSkeleton />
            </li>
          ))}
    </ul>
  );
}

interface MoreProps {
  pages: {
    isFetchingNextPage: boolean;
    isFetchNextPageError: boolean;
    error: Error | null;
    fetchNextPage: () => unknown;
  };
}

function More({ pages }: MoreProps) {
  if (pages.isFetchNextPageError) {
    return <ErrorNote className="mt-12" error={pages.error} onRetry={() => void pages.fetchNextPage()} />;
  }
  return (
    <div className="mt-12 flex justify-center">
      <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} size="large">
        {pages.isFetchingNextPage ? "Fetching more" : "Show more"}
      </Button>
    </div>
  );
}

function NothingLeft({
  empty,
  filters,
  onChange,
}: {
  empty: ReactNode;
  filters: Filters;
  onChange: (filters: Filters) => void;
}) {
  const narrowed = writeFilters(cleared(filters)).toString() !== writeFilters(filters).toString();
  if (!narrowed) return empty;
  return (
    <EmptyNote title="Nothing fits all of that">
      <p>Take one of the filters back, or all of them.</p>
      <Button className="mt-6" onClick={() => onChange(cleared(filters))}>
        Clear all filters
      </Button>
    </EmptyNote>
  );
}
