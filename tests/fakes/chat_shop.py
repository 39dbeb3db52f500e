"""A catalogue in memory that finds products by shared words."""

from collections.abc import Sequence

from services.chat.application.ports import Offer, Offers
from services.chat.domain.budget import Budget
from services.chat.domain.product import Opinions, Product
from services.chat.domain.text import terms
from services.runtime.errors import NotFound, Unavailable


class FakeShop:
    """Finds products and reads about them."""

    def __init__(self, products: Sequence[Product] = (), opinions: dict[str, Opinions] | None = None) -> None:
        self.held = {product.key: product for product in products}
        self.reviews = opinions or {}
        self.away = False
        self.searches: list[tuple[str, Budget]] = []

    async def search(self, wish: str, budget: Budget, limit: int) -> Offers:
        self._check()
        self.searches.append((wish, budget))
        asked = set(terms(wish))
        found = [
            (len(asked & set(terms(product.words))), product)
            for product in self.held.values()
            if product.price.minor >= budget.least and (not budget.most or product.price.minor <= budget.most)
        ]
        ranked = sorted(found, key=lambda pair: (-pair[0], pair[1].key))[:limit]
        return Offers(tuple(Offer(product, by_words=shared > 0) for shared, product in ranked))

    async def product(self, key: str) -> Product:
        self._check()
        if key not in self.held:
            raise NotFound("PRODUCT_NOT_FOUND", "There is no such product.")
        return self.held[key]

    async def products(self, keys: Sequence[str]) -> list[Product]:
        self._check()
        return [self.held[key] for key in keys if key in self.held]

    async def opinions(self, key: str) -> Opinions:
        self._check()
        return self.reviews.get(key, Opinions())

    def _check(self) -> None:
        if self.away:
            raise Unavailable("UNAVAILABLE", "away")
