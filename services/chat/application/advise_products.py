"""Finds products for a wish and says of each only what the catalogue says."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.chat.application.ports import Embedder, Offer, Shop
from services.chat.domain import phrasing
from services.chat.domain.budget import NO_BUDGET, Budget
from services.chat.domain.event import AnswerPart, Degraded, Shown, TextDelta
from services.chat.domain.product import Product, card_line
from services.chat.domain.retrieval import closeness
from services.chat.domain.wish import CLOSE_ENOUGH, Wish, names, shares_words
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.chat")

_SHOWN = 4
_SEARCHED = 8


@dataclass(frozen=True, slots=True)
class Advice:
    """Products that fit a wish, the words they are led in with, and the steps that were left out."""

    wish: Wish
    products: tuple[Product, ...]
    opening: str
    degraded: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Return whether the best product holds every word of the wish."""
        return bool(self.products) and names(self.wish.text, self.products[0])

    def parts(self) -> list[AnswerPart]:
        """Return the answer: the opening, then each product with its card and one line of facts."""
        parts: list[AnswerPart] = [TextDelta(delta) for delta in phrasing.deltas(self.opening)]
        for product in self.products:
            parts.append(Shown(f"products/{product.key}"))
            parts += [TextDelta(delta) for delta in phrasing.deltas(f"\n- {card_line(product)}")]
        return parts + [Degraded(step) for step in self.degraded]


class AdviseProducts:
    """Searches the catalogue for a wish."""

    def __init__(self, shop: Shop, embedder: Embedder) -> None:
        """Take the catalogue, and what tells how close a product is to a wish."""
        self._shop = shop
        self._embedder = embedder

    async def __call__(self, wish: Wish, shown_before: Sequence[str]) -> Advice:
        """Return what fits the wish; `shown_before` are names of products the shopper found too dear."""
        try:
            return await self._advice(wish, shown_before)
        except AisleError as away:
            log.info("catalogue left out", extra={"data": {"reason": away.reason}})
            return Advice(wish, (), phrasing.SHOP_AWAY, ("PRODUCTS",))

    async def _advice(self, wish: Wish, shown_before: Sequence[str]) -> Advice:
        if wish.cheaper and shown_before:
            return await self._cheaper(wish, shown_before)
        products, degraded = await self._fitting(wish.text, wish.budget)
        if products:
            opening = phrasing.FOUND.format(wish=wish.text or "you", budget=phrasing.within(wish.budget))
            return Advice(wish, products, opening, degraded)
        within = phrasing.within(wish.budget)
        if wish.budget:
            above, degraded = await self._fitting(wish.text, replace(wish.budget, most=0))
            if above:
                nearest = tuple(sorted(above, key=lambda product: product.price.minor)[:2])
                return Advice(wish, nearest, phrasing.FOUND_ABOVE.format(wish=wish.text, budget=within), degraded)
        return Advice(wish, (), phrasing.NOTHING_FOUND.format(wish=wish.text, budget=within), degraded)

    async def _cheaper(self, wish: Wish, shown_before: Sequence[str]) -> Advice:
        shown = await self._shop.products([name.removeprefix("products/") for name in shown_before])
        prices = [product.price for product in shown]
        if not prices:
            return await self._advice(replace(wish, cheaper=False), ())
        # Cheaper than most of what was shown, and nothing that was shown.
        ceiling = sorted(prices, key=lambda price: price.minor)[len(prices) // 2]
        found, degraded = await self._fitting(wish.text, Budget(0, max(ceiling.minor - 1, 1)))
        seen = {product.key for product in shown}
        fresh = tuple(product for product in found if product.key not in seen)
        if fresh:
            return Advice(wish, fresh, phrasing.FOUND_CHEAPER, degraded)
        return Advice(wish, (), phrasing.NOTHING_CHEAPER.format(price=ceiling), degraded)

    async def _fitting(self, wish: str, budget: Budget = NO_BUDGET) -> tuple[tuple[Product, ...], tuple[str, ...]]:
        offers = await self._shop.search(wish, budget, _SEARCHED)
        fitting = await self._close(wish, offers.offers)
        # What can be had today first; the catalogue's order otherwise.
        ordered = sorted(fitting, key=lambda product: product.stock <= 0)
        return tuple(ordered[:_SHOWN]), offers.degraded

    async def _close(self, wish: str, offers: Sequence[Offer]) -> list[Product]:
        """Keep products that share a word with the wish or mean much the same: a search always finds something."""
        if not offers:
            return []
        by_words = [offer.product for offer in offers if shares_words(wish, offer.product)]
        texts = [f"{offer.product.title}. {offer.product.subtitle}" for offer in offers]
        try:
            vectors = (await self._embedder.embed([wish, *texts], urgent=True)).vectors
        except AisleError:
            return by_words
        near = [closeness(vectors[0], vector) >= CLOSE_ENOUGH for vector in vectors[1:]]
        kept = {product.key for product in by_words}
        return [offer.product for offer, close in zip(offers, near, strict=True) if close or offer.product.key in kept]
