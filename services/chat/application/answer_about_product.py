"""Answers about the product a shopper looks at, from its facts and its reviews."""

import logging
from dataclasses import dataclass

from services.chat.application.ports import Embedder, Shop
from services.chat.domain import phrasing
from services.chat.domain.product import Opinions, Product
from services.chat.domain.product_answer import (
    Facet,
    facet_line,
    facets_of,
    facts_of,
    is_general,
    overview,
    pick,
)
from services.chat.domain.retrieval import closeness
from services.runtime.errors import AisleError, NotFound

log = logging.getLogger("aisle.chat")


@dataclass(frozen=True, slots=True)
class AboutProduct:
    """A product with what is said about it, and the steps that were left out. Without a product there is no answer."""

    product: Product | None
    opinions: Opinions
    degraded: tuple[str, ...] = ()

    def direct(self, question: str) -> str:
        """Return what the product's fields answer; empty when the question asks for none of them."""
        if self.product is None:
            return ""
        if is_general(question):
            return overview(self.product, self.opinions)
        product, opinions = self.product, self.opinions
        facets = facets_of(question)
        if Facet.PRICE in facets and Facet.DELIVERY in facets:
            facets.remove(Facet.PRICE)
        return " ".join(facet_line(facet, product, opinions) for facet in facets)

    def unknown(self) -> str:
        """Return the honest end."""
        if self.product is None:
            return phrasing.PRODUCT_GONE
        return phrasing.UNKNOWN_OF_PRODUCT.format(title=self.product.title)


class AnswerAboutProduct:
    """Reads a product and finds the facts that answer a question."""

    def __init__(self, shop: Shop, embedder: Embedder) -> None:
        """Take the catalogue, and what tells how close a fact is to a question."""
        self._shop = shop
        self._embedder = embedder

    async def read(self, key: str) -> AboutProduct:
        """Return the product and what reviewers say; what is away is left out."""
        try:
            product = await self._shop.product(key)
        except NotFound:
            return AboutProduct(None, Opinions())
        except AisleError as away:
            log.info("catalogue left out", extra={"data": {"reason": away.reason}})
            return AboutProduct(None, Opinions(), ("PRODUCTS",))
        try:
            return AboutProduct(product, await self._shop.opinions(key))
        except AisleError as away:
            log.info("reviews left out", extra={"data": {"reason": away.reason}})
            return AboutProduct(product, Opinions(), ("REVIEWS",))

    async def facts(self, question: str, about: AboutProduct) -> str:
        """Return the facts that answer the question; empty when none does."""
        if about.product is None:
            return ""
        facts = facts_of(about.product, about.opinions)
        meanings: list[float] = []
        try:
            vectors = (await self._embedder.embed([question, *(fact.text for fact in facts)], urgent=True)).vectors
            meanings = [closeness(vectors[0], vector) for vector in vectors[1:]]
        except AisleError as away:
            log.info("vectors left out", extra={"data": {"reason": away.reason}})
        return " ".join(fact.text for fact in pick(question, facts, meanings))
