"""What the recommendation service needs, in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.recommendation.application.ports import Delivery, Neighbourhood
from services.recommendation.domain.interaction import WEIGHTS, Interaction, Kind
from services.recommendation.domain.ranking import Together
from services.recommendation.domain.shelf import Card, Question, Shelves
from services.runtime.errors import Precondition, Unavailable


class FakeAnswerCache:
    """Keeps answers until their shopper does something."""

    def __init__(self) -> None:
        self.kept: dict[Question, Shelves] = {}
        self.away = False

    async def find(self, question: Question) -> Shelves | None:
        self._answer()
        return self.kept.get(question)

    async def keep(self, question: Question, answer: Shelves) -> None:
        self._answer()
        self.kept[question] = answer

    async def forget(self, shoppers: Sequence[str]) -> None:
        self._answer()
        self.kept = {question: answer for question, answer in self.kept.items() if question.shopper not in shoppers}

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("CACHE_UNAVAILABLE", "away")


class FakeHistory:
    """Counts over a list."""

    def __init__(self, interactions: Sequence[Interaction] = ()) -> None:
        self.interactions = {interaction.id: interaction for interaction in interactions}
        self.away = False

    async def record(self, interactions: Sequence[Interaction]) -> int:
        self._answer()
        before = len(self.interactions)
        for interaction in interactions:
            self.interactions.setdefault(interaction.id, interaction)
        return len(self.interactions) - before

    async def of_shopper(self, shopper: str, limit: int) -> Sequence[Interaction]:
        self._answer()
        found = [i for i in self.interactions.values() if i.shopper == shopper]
        return sorted(found, key=lambda i: i.time, reverse=True)[:limit]

    async def seen_together(self, product: str, *, chosen_only: bool, limit: int) -> Neighbourhood:
        self._answer()
        visits = self._visits(chosen_only)
        own = visits.get(product, set())
        pairs = [
            Together(other, len(own & theirs), len(theirs))
            for other, theirs in visits.items()
            if other != product and own & theirs
        ]
        return Neighbourhood(len(own) if pairs else 0, sorted(pairs, key=lambda p: (-p.visits, p.product))[:limit])

    async def popular(self, since: datetime, limit: int) -> Mapping[str, float]:
        self._answer()
        weights: dict[str, float] = {}
        for i in self.interactions.values():
            if i.time >= since:
                weights[i.product] = weights.get(i.product, 0.0) + WEIGHTS[i.kind]
        return dict(sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:limit])

    def _visits(self, chosen_only: bool) -> dict[str, set[str]]:
        visits: dict[str, set[str]] = {}
        for i in self.interactions.values():
            if i.session and (not chosen_only or i.kind in (Kind.ADD_TO_CART, Kind.PURCHASE)):
                visits.setdefault(i.product, set()).add(i.session)
        return visits

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("HISTORY_UNAVAILABLE", "away")


class FakeSimilarItems:
    """Knows who is alike because the test said so."""

    def __init__(self, alike: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self.known = alike or {}
        self.away = False

    async def alike(self, products: Sequence[str], limit: int) -> Mapping[str, Mapping[str, float]]:
        if self.away:
            raise Unavailable("VECTORS_UNAVAILABLE", "away")
        return {product: self.known[product] for product in products if product in self.known}


class FakeShop:
    """Sells what the test put in it."""

    def __init__(self, cards: Sequence[Card]) -> None:
        self.stock = {card.product: card for card in cards}
        self.away = False

    async def cards(self, products: Sequence[str]) -> Mapping[str, Card]:
        if self.away:
            raise Unavailable("CATALOGUE_UNAVAILABLE", "away")
        return {product: self.stock[product] for product in products if product in self.stock}

    async def newest(self, limit: int) -> Sequence[Card]:
        if self.away:
            raise Unavailable("CATALOGUE_UNAVAILABLE", "away")
        return list(self.stock.values())[:limit]


class FakeSuggester:
    """Prefers what the test told it to; without that it is no good model."""

    def __init__(self, preferred: Sequence[str] | None = None) -> None:
        self.preferred = preferred

    async def suggest(self, liked: Sequence[Card], candidates: Sequence[Card]) -> Sequence[str]:
        if self.preferred is None:
            raise Precondition("NO_MODEL_OF_QUALITY", "none")
        return self.preferred


class FakeInteractionStream:
    """Delivers what was put on it until it is acknowledged."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self.waiting = {delivery.receipt: delivery for delivery in deliveries}

    async def take(self, limit: int) -> Sequence[Delivery]:
        return list(self.waiting.values())[:limit]

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            del self.waiting[receipt]
