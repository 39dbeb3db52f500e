import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { Money, Product } from "@/api/types";
import { terms } from "@/config/env";

/** A product as it was when it was put in: enough to draw the basket without a connection. */
export interface Line {
  productId: string;
  title: string;
  brand: string;
  tint: string;
  imageUri: string;
  imageAlt: string;
  price: Money;
  stock: number;
  quantity: number;
}

interface CartState {
  lines: Line[];
  open: boolean;
  add: (product: Product, quantity?: number) => void;
  setQuantity: (productId: string, quantity: number) => void;
  takeOut: (productId: string) => Line | undefined;
  putBack: (line: Line) => void;
  refresh: (product: Product) => void;
  setOpen: (open: boolean) => void;
}

export function lineOf(product: Product, quantity: number): Line {
  const picture = product.images[0];
  return {
    productId: product.id,
    title: product.title,
    brand: product.brand,
    tint: product.category.tint,
    imageUri: picture?.uri ?? "",
    imageAlt: picture?.alt_text ?? "",
    price: product.price,
    stock: product.stock_quantity,
    quantity: Math.max(1, Math.min(quantity, product.stock_quantity)),
  };
}

/** The basket lives on the shopper's device, so it is there without a connection and without an account. */
export const useCart = create<CartState>()(
  persist(
    (set, get) => ({
      lines: [],
      open: false,
      add: (product, quantity = 1) => {
        if (product.stock_quantity <= 0) return;
        const known = get().lines.find((line) => line.productId === product.id);
        const line = lineOf(product, (known?.quantity ?? 0) + quantity);
        set((state) => ({
          lines: known
            ? state.lines.map((each) => (each.productId === product.id ? line : each))
            : [...state.lines, line],
        }));
      },
      setQuantity: (productId, quantity) =>
        set((state) => ({
          lines: state.lines.map((line) =>
            line.productId === productId
              ? { ...line, quantity: Math.max(1, Math.min(Math.floor(quantity), Math.max(line.stock, 1))) }
              : line,
          ),
        })),
      takeOut: (productId) => {
        const gone = get().lines.find((line) => line.productId === productId);
        set((state) => ({ lines: state.lines.filter((line) => line.productId !== productId) }));
        return gone;
      },
      putBack: (line) =>
        set((state) => ({
          lines: [...state.lines.filter((each) => each.productId !== line.productId), line],
        })),
      refresh: (product) =>
        set((state) => ({
          lines: state.lines.map((line) =>
            line.productId === product.id ? lineOf(product, line.quantity) : line,
          ),
        })),
      setOpen: (open) => set({ open }),
    }),
    { name: "lantern-loom.basket", version: 1, partialize: (state) => ({ lines: state.lines }) },
  ),
);

export interface Totals {
  count: number;
  goods: Money;
  delivery: Money;
  total: Money;
  /** What is still missing for free delivery; zero when it is free. */
  untilFree: Money;
}

const euros = (minor: number): Money => ({ currency: terms.currency, minor });

export function totalsOf(lines: Line[]): Totals {
  const goods = lines.reduce((sum, line) => sum + line.price.minor * line.quantity, 0);
  const isFree = goods === 0 || goods >= terms.freeDeliveryFromMinor;
  const delivery = isFree ? 0 : terms.deliveryMinor;
  return {
    count: lines.reduce((sum, line) => sum + line.quantity, 0),
    goods: euros(goods),
    delivery: euros(delivery),
    total: euros(goods + delivery),
    untilFree: euros(isFree ? 0 : terms.freeDeliveryFromMinor - goods),
  };
}

export const countOf = (lines: Line[]): number => lines.reduce((sum, line) => sum + line.quantity, 0);

/** "mug:2,candle:1": a basket as part of an address. */
export const encodeBasket = (lines: Line[]): string =>
  lines.map((line) => `${line.productId}:${String(line.quantity)}`).join(",");

export function decodeBasket(text: string): { productId: string; quantity: number }[] {
  return text
    .split(",")
    .map((entry) => /^([a-z0-9][a-z0-9._-]{0,79}):(\d{1,3})$/.exec(entry.trim()))
    .filter((match) => match !== null)
    .map((match) => ({ productId: match[1] ?? "", quantity: Math.max(1, Number(match[2])) }));
}
