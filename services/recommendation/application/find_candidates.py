"""Finds what might be shown: from what is seen together, what is alike, and what everybody wants."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.recommendation.application.ports import Clock, History, SimilarItems
from services.recommendation.domain.interaction import Interest, interests
from services.recommendation.domain.ranking import Candidate, blend, for_shopper, ranked, together_scores
from services.runtime.errors import Unavailable

HISTORY = 200
ANCHORS = 8
NEIGHBOURS = 60
POPULAR = timedelta(days=30)


class FindCandidates:
    """Candidates with the steps that had to be left out collected in `degraded`."""

    def __init__(self, history: History, similar: SimilarItems, clock: Clock) -> None:
        """Take what shoppers did, what is alike, and the time."""
        self._history = history
        self._similar = similar
        self._clock = clock

    async def interests(self, shopper: str, degraded: set[str]) -> list[Interest]:
        """Return a shopper's interests; none without a shopper or while the history is away."""
        if not shopper:
            return []
        try:
            acts = await self._history.of_shopper(shopper, HISTORY)
        except Unavailable:
            degraded.add("HISTORY")
            return []
        return interests(list(acts), self._clock.now())

    async def around(self, products: Sequence[str], degraded: set[str]) -> Mapping[str, Mapping[str, float]]:
        """Return, for each product, blended scores of what goes with it."""
        async with asyncio.TaskGroup() as group:
            seeing = group.create_task(self._together(products, degraded, chosen_only=False))
            comparing = group.create_task(self._alike(products, degraded))
        together, alike = seeing.result(), comparing.result()
        return {product: blend(together.get(product, {}), alike.get(product, {})) for product in products}

    async def chosen_with(self, products: Sequence[str], degraded: set[str]) -> list[Candidate]:
        """Return what is put into the basket or bought with any of the products."""
        found = await self._together(products, degraded, chosen_only=True)
        return for_shopper([(product, 1.0, found.get(product, {})) for product in products])

    async def from_interests(self, found: Sequence[Interest], degraded: set[str]) -> list[Candidate]:
        """Return what follows from a shopper's strongest interests."""
        anchors = found[:ANCHORS]
        scores = await self.around([interest.product for interest in anchors], degraded)
        return for_shopper([(i.product, i.weight, scores.get(i.product, {})) for i in anchors])

    async def alike_only(self, product: str, degraded: set[str]) -> list[Candidate]:
        """Return what is most like a product; what is seen with it while vectors are away."""
        found = (await self._alike([product], degraded)).get(product)
        if not found:
            found = (await self._together([product], degraded, chosen_only=False)).get(product, {})
        return ranked(found, product)

    async def popular(self, degraded: set[str]) -> list[Candidate]:
        """Return what everybody wants."""
        try:
            return ranked(await self._history.popular(self._clock.now() - POPULAR, NEIGHBOURS))
        except Unavailable:
            degraded.add("HISTORY")
            return []

    async def _together(
        self, products: Sequence[str], degraded: set[str], *, chosen_only: bool
    ) -> dict[str, Mapping[str, float]]:
        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(self._history.seen_together(p, chosen_only=chosen_only, limit=NEIGHBOURS))
                    for p in products
                ]
        except* Unavailable:
            degraded.add("HISTORY")
            asked = []
        found = [task.result() for task in asked]
        # "Often bought together" of a single visit would be a lie.
        least = 2 if chosen_only else 1
        return {p: together_scores(n.visits, n.found, least) for p, n in zip(products, found, strict=False)}

    async def _alike(self, products: Sequence[str], degraded: set[str]) -> Mapping[str, Mapping[str, float]]:
        if not products:
            return {}
        try:
            return await self._similar.alike(products, NEIGHBOURS)
        except Unavailable:
            degraded.add("VECTORS")
            return {}
