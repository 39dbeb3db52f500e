import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useParams } from "react-router";
import type { Product } from "@/api/types";
import { NotFoundPage } from "@/app/storefront/pages/not-found-page";
import { ProductSkeleton } from "@/app/storefront/product-skeleton";
import { shelfCard } from "@/app/storefront/shop-card";
import { MoneyText } from "@/components/ui/money-text";
import { ErrorNote } from "@/components/ui/notes";
import { Stars } from "@/components/ui/stars";
import { Markdown } from "@/components/ui/markdown";
import { pages } from "@/config/paths";
import { AddToBasket } from "@/features/cart/components/add-to-basket";
import { QuantityStepper } from "@/features/cart/components/quantity-stepper";
import { productQuery } from "@/features/catalog/api/get-product";
import { AttributeList } from "@/features/catalog/components/attribute-list";
import { Gallery } from "@/features/catalog/components/gallery";
import { ReviewsPanel } from "@/features/catalog/components/reviews-panel";
import { StockNote } from "@/features/catalog/components/stock-note";
import { useRecent } from "@/features/catalog/hooks/recent-store";
import { AskInPlace } from "@/features/chat/components/ask-in-place";
import { useChat } from "@/features/chat/stores/chat-store";
import { Shelves } from "@/features/recommendations/components/shelves";
import { track } from "@/lib/events";
import { discountPercent, plural } from "@/lib/format";
import { toProblem } from "@/lib/problem";
import { useDocumentTitle } from "@/lib/use-document-title";

const card = shelfCard("product");

export function ProductPage() {
  const { id = "" } = useParams();
  const query = useQuery(productQuery(id));
  const product = query.data;
  useDocumentTitle(product?.title);
  useVisit(product);
  if (!product) {
    if (!query.error) return <ProductSkeleton />;
    if (toProblem(query.error).problem.status === 404) return <NotFoundPage what="product" />;
    return (
      <div className="page pt-12">
        <ErrorNote error={query.error} onRetry={() => void query.refetch()} />
      </div>
    );
  }
  return (
    <div className="page space-y-18 pt-4 @3xl:pt-6" key={product.id}>
      <Top product={product} />
      <Facts product={product} />
      <section aria-labelledby="reviews">
        <h2 className="display mb-8 scroll-mt-32 text-2xl" id="reviews">
          What people say
        </h2>
        <ReviewsPanel productId={product.id} />
      </section>
      <Shelves placement="product" productId={product.id} renderProduct={card} />
    </div>
  );
}

/** Tell the assistant what the page is about, remember the visit, and count it. */
function useVisit(product: Product | undefined): void {
  const setSubject = useChat((state) => state.setSubject);
  const note = useRecent((state) => state.note);
  useEffect(() => {
    if (!product) return undefined;
    setSubject(product);
    return () => setSubject(null);
  }, [product, setSubject]);
  const id = product?.id;
  useEffect(() => {
    if (!id) return;
    note(id);
    track("product_view", { product_id: id });
  }, [id, note]);
}

function Top({ product }: { product: Product }) {
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-12 gap-y-8 @3xl:grid-cols-[minmax(0,7fr)_minmax(0,5fr)] @5xl:gap-x-18">
      <div className="@3xl:sticky @3xl:top-36">
        <Crumbs product={product} />
        <Gallery product={product} />
      </div>
      <div className="space-y-6 @3xl:pt-9">
        <div>
          <p className="text-muted">{product.brand}</p>
          <h1 className="display mt-1 text-2xl @5xl:text-3xl">{product.title}</h1>
          {product.subtitle && <p className="mt-3 text-base text-muted">{product.subtitle}</p>}
          {product.rating.review_count > 0 && (
            <a className="mt-4 inline-flex items-center gap-3 hover:underline" href="#reviews">
              <Stars size={16} value={product.rating.average} />
              <span className="figures text-muted">
                {product.rating.average.toFixed(1)} from{" "}
                {plural(product.rating.review_count, "review", "reviews")}
              </span>
            </a>
          )}
        </div>
        <Buy product={product} />
        <AskInPlace product={product} />
      </div>
    </div>
  );
}

function Crumbs({ product }: { product: Product }) {
  return (
    <nav aria-label="Where you are" className="mb-3 text-xs text-muted">
      <Link className="hover:underline" to={pages.home()}>
        Home
      </Link>
      <span aria-hidden="true" className="mx-2">
        /
      </span>
      <Link className="hover:underline" to={pages.category(product.category.id)}>
        {product.category.title}
      </Link>
    </nav>
  );
}

function Buy({ product }: { product: Product }) {
  const [quantity, setQuantity] = useState(1);
  const off = discountPercent(product.price, product.list_price);
  return (
    <div className="space-y-6 border-y border-line py-6">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <MoneyText className="display text-xl" former={product.list_price} money={product.price} />
        {off !== null && (
          <span className="rounded-full bg-ember-wash px-3 py-0.5 text-xs font-medium text-ember-ink">
            {off}% less
          </span>
        )}
      </div>
      <StockNote product={product} />
      <div className="flex gap-3">
        {product.stock_quantity > 1 && (
          <QuantityStepper
            label="Quantity"
            max={Math.min(product.stock_quantity, 20)}
            onChange={setQuantity}
            value={quantity}
          />
        )}
        <AddToBasket placement="product" product={product} quantity={quantity} />
      </div>
    </div>
  );
}

function Facts({ product }: { product: Product }) {
  return (
    <div className="grid gap-12 @4xl:grid-cols-[5fr_6fr] @4xl:gap-18">
      {product.description && (
        <section aria-label="Description" className="font-display text-lg leading-relaxed">
          <Markdown source={product.description} />
        </section>
      )}
      <section aria-labelledby="facts">
        <h2 className="mb-3 font-semibold" id="facts">
          The facts
        </h2>
        <AttributeList product={product} />
      </section>
    </div>
  );
}
