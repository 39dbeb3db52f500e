import { ButtonLink } from "@/components/ui/button";
import { EmptyNote } from "@/components/ui/notes";
import { Sheet } from "@/components/ui/sheet";
import { pages } from "@/config/paths";
import { BasketLines } from "@/features/cart/components/basket-lines";
import { BasketSummary } from "@/features/cart/components/basket-summary";
import { useCart } from "@/features/cart/stores/cart-store";

export function BasketSheet({ picture }: { picture: string }) {
  const open = useCart((state) => state.open);
  const setOpen = useCart((state) => state.setOpen);
  const isEmpty = useCart((state) => state.lines.length === 0);
  const close = () => setOpen(false);
  return (
    <Sheet footer={isEmpty ? undefined : <BasketSummary />} onClose={close} open={open} title="Your basket">
      {isEmpty ? (
        <EmptyNote picture={picture} title="Nothing in it yet">
          <p>Things you add stay here, also when you lose your connection.</p>
          <ButtonLink className="mt-6" onClick={close} to={pages.home()}>
            Look around
          </ButtonLink>
        </EmptyNote>
      ) : (
        <>
          <BasketLines onOpenProduct={close} />
          <ButtonLink className="mt-6" onClick={close} size="small" tone="quiet" to={pages.basket()}>
            Open the basket page
          </ButtonLink>
        </>
      )}
    </Sheet>
  );
}
