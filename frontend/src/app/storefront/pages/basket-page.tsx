import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { useSearchParams } from "react-router";
import basketPicture from "@lobehub/fluent-emoji-3d/assets/1f9fa.webp";
import { shelfCard } from "@/app/storefront/shop-card";
import { ButtonLink } from "@/components/ui/button";
import { EmptyNote, ErrorNote } from "@/components/ui/notes";
import { pages } from "@/config/paths";
import { restoreBasket } from "@/features/cart/api/restore-basket";
import { BasketLines } from "@/features/cart/components/basket-lines";
import { BasketSummary } from "@/features/cart/components/basket-summary";
import { decodeBasket, useCart } from "@/features/cart/stores/cart-store";
import { Shelves } from "@/features/recommendations/components/shelves";
import { plural } from "@/lib/format";
import { showToast } from "@/lib/toast";
import { useDocumentTitle } from "@/lib/use-document-title";

const card = shelfCard("basket");

export function BasketPage() {
  useDocumentTitle("Your basket");
  const restoring = useRestore();
  const lines = useCart((state) => state.lines);
  const ids = lines.map((line) => line.productId).sort();
  return (
    <div className="page space-y-18 pt-8">
      <section>
        <h1 className="display text-3xl">Your basket</h1>
        {restoring.error && <ErrorNote className="mt-6" error={restoring.error} />}
        {lines.length === 0 ? (
          <EmptyNote
            picture={basketPicture}
            title={restoring.isPending ? "Fetching what you saved" : "Nothing in it yet"}
          >
            <p>Things you add stay here, also when you lose your connection.</p>
            <ButtonLink className="mt-6" to={pages.home()} tone="ink">
              Look around
            </ButtonLink>
          </EmptyNote>
        ) : (
          <div className="mt-8 grid items-start gap-12 @4xl:grid-cols-[minmax(0,1fr)_360px] @4xl:gap-18">
            <div className="border-t border-line">
              <BasketLines />
            </div>
            <div className="rounded-md bg-surface p-6 @4xl:sticky @4xl:top-36">
              <BasketSummary />
            </div>
          </div>
        )}
      </section>
      <Shelves basket={ids} placement="basket" renderProduct={card} />
    </div>
  );
}

/** A saved link brings its things back, adds them to what is here, and then leaves the address. */
function useRestore() {
  const [params, setParams] = useSearchParams();
  const saved = params.get("items");
  const add = useCart((state) => state.add);
  const takeOut = useCart((state) => state.takeOut);
  const restoring = useMutation({
    mutationFn: restoreBasket,
    onSuccess: ({ found, missing }) => {
      for (const { product, quantity } of found) {
        takeOut(product.id);
        add(product, quantity);
      }
      const lost = missing.length > 0 ? `, ${String(missing.length)} no longer sold` : "";
      showToast({ text: `Your saved basket is back: ${plural(found.length, "thing", "things")}${lost}` });
    },
    onSettled: () => setParams({}, { replace: true }),
  });
  const { mutate } = restoring;
  useEffect(() => {
    if (saved) mutate(decodeBasket(saved));
  }, [saved, mutate]);
  return restoring;
}
