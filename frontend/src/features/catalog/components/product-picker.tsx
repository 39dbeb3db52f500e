import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId, useState, type KeyboardEvent } from "react";
import type { Product, ProductPage } from "@/api/types";
import { endpoints } from "@/config/paths";
import { ProductPicture } from "@/features/catalog/components/product-picture";
import { cx } from "@/lib/class-names";
import { get } from "@/lib/http";

const SHOWN = 6;

/** Find one product by typing: arrows move, Enter takes, Escape closes. */
export function ProductPicker({ onPick }: { onPick: (product: Product) => void }) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const id = useId();
  const query = useDeferredValue(text.trim());
  const { data } = useQuery({
    queryKey: ["product-picker", query],
    queryFn: ({ signal }) =>
      get<ProductPage>(query ? endpoints.search : endpoints.products, {
        signal,
        params: { q: query || undefined, page_size: SHOWN },
      }),
    enabled: open,
    placeholderData: keepPreviousData,
  });
  const found = data?.products.slice(0, SHOWN) ?? [];

  const pick = (product: Product) => {
    onPick(product);
    setText("");
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setActive((now) => Math.min(now + 1, found.length - 1));
    if (event.key === "ArrowUp") setActive((now) => Math.max(now - 1, 0));
    if (event.key === "Escape") setOpen(false);
    const product = found[active];
    if (event.key === "Enter" && product) {
      event.preventDefault();
      pick(product);
    }
  };

  return (
    <div className="relative w-full @2xl:w-80">
      <input
        aria-activedescendant={open && found[active] ? `${id}-${String(active)}` : undefined}
        aria-autocomplete="list"
        aria-controls={`${id}-list`}
        aria-expanded={open}
        aria-label="Pick a product"
        className="h-9 w-full rounded-sm border border-line-strong bg-surface px-3 hover:border-ink"
        onBlur={() => setOpen(false)}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onKeyDown={onKeyDown}
        placeholder="Pick a product"
        role="combobox"
        value={text}
      />
      <div
        className={cx(
          "absolute inset-x-0 top-full z-20 mt-1 overflow-hidden rounded-md bg-surface py-1 shadow-float",
          !(open && found.length > 0) && "hidden",
        )}
        id={`${id}-list`}
        role="listbox"
      >
        {found.map((product, index) => (
          // The keyboard lives in the field, as a combobox has it; the row itself only takes the pointer.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            aria-selected={index === active}
            className={cx(
              "flex cursor-pointer items-center gap-3 px-3 py-1.5",
              index === active && "bg-sunk",
            )}
            id={`${id}-${String(index)}`}
            key={product.id}
            onClick={() => pick(product)}
            onMouseDown={(event) => event.preventDefault()}
            onMouseEnter={() => setActive(index)}
            role="option"
            tabIndex={-1}
          >
            <ProductPicture className="size-8 rounded-sm" product={product} />
            <span className="min-w-0 truncate">{product.title}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
