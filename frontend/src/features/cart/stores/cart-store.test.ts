import { beforeEach, describe, expect, it } from "vitest";
import { decodeBasket, encodeBasket, totalsOf, useCart } from "@/features/cart/stores/cart-store";
import { makeProduct } from "@/testing/factories";

const cart = () => useCart.getState();

beforeEach(() => useCart.setState({ lines: [], open: false }));

describe("the basket", () => {
  it("adds to a line that is there already", () => {
    cart().add(makeProduct(), 2);
    cart().add(makeProduct());
    expect(cart().lines).toHaveLength(1);
    expect(cart().lines[0]?.quantity).toBe(3);
  });

  it("holds no more than there is, and nothing of what is sold out", () => {
    cart().add(makeProduct({ stock_quantity: 2 }), 9);
    cart().add(makeProduct({ id: "gone", stock_quantity: 0 }));
    expect(cart().lines.map((line) => [line.productId, line.quantity])).toEqual([
      ["harbour-wool-slippers", 2],
    ]);
  });

  it("keeps a quantity between one and the stock", () => {
    cart().add(makeProduct({ stock_quantity: 5 }));
    cart().setQuantity("harbour-wool-slippers", 99);
    expect(cart().lines[0]?.quantity).toBe(5);
    cart().setQuantity("harbour-wool-slippers", -1);
    expect(cart().lines[0]?.quantity).toBe(1);
  });

  it("gives back what was taken out by mistake", () => {
    cart().add(makeProduct(), 2);
    const gone = cart().takeOut("harbour-wool-slippers");
    expect(cart().lines).toHaveLength(0);
    if (gone) cart().putBack(gone);
    expect(cart().lines[0]?.quantity).toBe(2);
  });

  it("is written to the device at once", () => {
    cart().add(makeProduct());
    expect(localStorage.getItem("lantern-loom.basket")).toContain("harbour-wool-slippers");
  });
});

describe("totals", () => {
  it("asks for delivery below the threshold and says what is missing", () => {
    cart().add(makeProduct({ price: { currency: "EUR", minor: 1200 } }), 2);
    expect(totalsOf(cart().lines)).toMatchObject({
      goods: { minor: 2400 },
      delivery: { minor: 490 },
      total: { minor: 2890 },
      untilFree: { minor: 3600 },
    });
  });

  it("delivers free from the threshold on, and asks nothing for an empty basket", () => {
    cart().add(makeProduct({ price: { currency: "EUR", minor: 6000 } }));
    expect(totalsOf(cart().lines)).toMatchObject({
      delivery: { minor: 0 },
      untilFree: { minor: 0 },
      total: { minor: 6000 },
    });
    expect(totalsOf([]).total.minor).toBe(0);
  });
});

it("survives a trip through an address, and drops what is no basket", () => {
  cart().add(makeProduct(), 2);
  expect(decodeBasket(encodeBasket(cart().lines))).toEqual([
    { productId: "harbour-wool-slippers", quantity: 2 },
  ]);
  expect(decodeBasket("mug:2,<script>:1,x:999999,../etc:1,lamp:0")).toEqual([
    { productId: "mug", quantity: 2 },
    { productId: "lamp", quantity: 1 },
  ]);
});
