"""Answers with shelves: from the cache, else history, candidates, the model's suggestion, and back into the cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.recommendation.application.find_candidates import FindCandidates
from services.recommendation.application.ports import AnswerCache, Shop, Suggester
from services.recommendation.domain.interaction import Interest
from services.recommendation.domain.ranking import Candidate, ranked, reordered, varied
from services.recommendation.domain.shelf import Card, Placement, Question, Recommended, Shelf, ShelfId, Shelves
from services.runtime.errors import FieldViolation, Invalid, Precondition, Unavailable

BECAUSE_SHELVES = 2
SUGGESTED = 24
# A home page that shows one department only is dull; a product's neighbours may well be of one kind.
PER_CATEGORY_HOME = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """Shelves, and whether they were kept from before."""

    shelves: Shelves
    cached: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """A shelf before it is known which of its candidates can be sold."""

    id: ShelfId
    candidates: Sequence[Candidate]
    anchor: str = ""
    per_category: int = 99


class RecommendProducts:
    """Always answers: whatever is away is left out and named in `degraded`."""

    def __init__(self, cache: AnswerCache, find: FindCandidates, shop: Shop, suggester: Suggester) -> None:
        """Take the cache, the finder of candidates, the catalogue and the model."""
        self._cache = cache
        self._find = find
        self._shop = shop
        self._suggester = suggester

    async def __call__(self, question: Question) -> Answer:
        """Return shelves. Raises Invalid (PRODUCT_REQUIRED) when a product's page names no product."""
        if question.placement is Placement.PRODUCT and not question.product:
            raise Invalid(
                "PRODUCT_REQUIRED",
                "A product's page needs the product it is about.",
                [FieldViolation("product", "is needed for PLACEMENT_PRODUCT")],
            )
        degraded: set[str] = set()
        kept = await self._kept(question, degraded)
        if kept is not None:
            return Answer(kept, cached=True)
        interests = await self._find.interests(question.shopper, degraded)
        plans = await self._plans(question, interests, degraded)
        shelves = await self._fill(question, plans, interests, degraded)
        answer = Shelves(shelves, tuple(sorted(degraded)))
        await self._keep(question, answer)
        return Answer(answer, cached=False)

    async def _plans(self, question: Question, interests: list[Interest], degraded: set[str]) -> list[_Plan]:
        if question.placement is Placement.PRODUCT:
            bought = await self._find.chosen_with([question.product], degraded)
            alike = await self._find.alike_only(question.product, degraded)
            return [
                _Plan(ShelfId.SIMILAR, alike, question.product),
                _Plan(ShelfId.TOGETHER, bought, question.product),
            ]
        if question.placement is Placement.BASKET:
            bought = await self._find.chosen_with(question.basket, degraded)
            return [_Plan(ShelfId.TOGETHER, bought)] if bought else await self._popular(degraded)
        return [*await self._personal(interests, degraded), *await self._popular(degraded)]

    async def _personal(self, interests: list[Interest], degraded: set[str]) -> list[_Plan]:
        if not interests:
            return []
        wanted = await self._find.from_interests(interests, degraded)
        recent = sorted(interests, key=lambda i: i.last_time, reverse=True)[:BECAUSE_SHELVES]
        around = await self._find.around([interest.product for interest in recent], degraded)
        because = [
            _Plan(ShelfId.BECAUSE, ranked(around[i.product], i.product), i.product, per_category=6) for i in recent
        ]
        return [_Plan(ShelfId.FOR_YOU, wanted, per_category=PER_CATEGORY_HOME), *because]

    async def _popular(self, degraded: set[str]) -> list[_Plan]:
        popular = await self._find.popular(degraded)
        if not popular:
            newest = await self._newest(degraded)
            popular = [Candidate(card.product, 1.0 / (place + 1)) for place, card in enumerate(newest)]
        return [_Plan(ShelfId.POPULAR, popular, per_category=2)]

    async def _newest(self, degraded: set[str]) -> Sequence[Card]:
        try:
            return await self._shop.newest(SUGGESTED)
        except Unavailable:
            degraded.add("CATALOGUE")
            return []

    async def _fill(
        self, question: Question, plans: Sequence[_Plan], interests: Sequence[Interest], degraded: set[str]
    ) -> list[Shelf]:
        """Look up what is on sale, let the model order the first shelf, and show no product twice."""
        cards = await self._cards(question, plans, interests, degraded)
        hidden = {question.product, *question.basket, *(i.product for i in interests if i.bought)}
        shelves = []
        for number, plan in enumerate(plans):
            usable = [c for c in plan.candidates if c.product not in hidden and _is_on_sale(cards, c.product)]
            if number == 0 and plan.id in (ShelfId.FOR_YOU, ShelfId.TOGETHER):
                usable = await self._suggested(usable, interests, cards, degraded)
            groups = {product: card.category for product, card in cards.items()}
            chosen = varied(usable, groups, question.size, plan.per_category)
            hidden |= {candidate.product for candidate in chosen}
            if chosen:
                shelves.append(_shelf(plan, chosen, cards))
        return shelves

    async def _cards(
        self, question: Question, plans: Sequence[_Plan], interests: Sequence[Interest], degraded: set[str]
    ) -> Mapping[str, Card]:
        wanted = [candidate.product for plan in plans for candidate in plan.candidates[: question.size * 3]]
        wanted += [plan.anchor for plan in plans if plan.anchor] + [i.product for i in interests[:SUGGESTED]]
        wanted += [candidate.because for plan in plans for candidate in plan.candidates if candidate.because]
        try:
            return await self._shop.cards(list(dict.fromkeys(wanted)))
        except Unavailable:
            degraded.add("CATALOGUE")
            return {}

    async def _suggested(
        self,
        candidates: list[Candidate],
        interests: Sequence[Interest],
        cards: Mapping[str, Card],
        degraded: set[str],
    ) -> list[Candidate]:
        """Let a good model order the best candidates; without one the ranker's order stands."""
        if not candidates:
            return candidates
        liked = [cards[i.product] for i in interests[:SUGGESTED] if i.product in cards]
        try:
            best = await self._suggester.suggest(liked, [cards[c.product] for c in candidates[:SUGGESTED]])
        except (Unavailable, Precondition):
            degraded.add("LLM")
            return candidates
        return reordered(candidates, best)

    async def _kept(self, question: Question, degraded: set[str]) -> Shelves | None:
        try:
            return await self._cache.find(question)
        except Unavailable:
            degraded.add("CACHE")
            return None

    async def _keep(self, question: Question, answer: Shelves) -> None:
        """Keep a whole answer; one that lacks a step other than the model's is not worth keeping."""
        if not answer.shelves or set(answer.degraded) - {"LLM"}:
            return
        try:
            await self._cache.keep(question, answer)
        except Unavailable:
            return


def _is_on_sale(cards: Mapping[str, Card], product: str) -> bool:
    card = cards.get(product)
    return card is not None and card.available


def _shelf(plan: _Plan, chosen: Sequence[Candidate], cards: Mapping[str, Card]) -> Shelf:
    anchor = cards.get(plan.anchor)
    titles = {
        ShelfId.FOR_YOU: "Picked for you",
        ShelfId.BECAUSE: f"Because you looked at {anchor.title}" if anchor else "Because of what you looked at",
        ShelfId.SIMILAR: "Similar to this",
        ShelfId.TOGETHER: "Often bought together" if plan.anchor else "Goes well with your basket",
        ShelfId.POPULAR: "What others like this month",
    }
    items = [Recommended(candidate.product, _reason(plan, candidate, cards)) for candidate in chosen]
    return Shelf(plan.id, titles[plan.id], plan.anchor, items)


def _reason(plan: _Plan, candidate: Candidate, cards: Mapping[str, Card]) -> str:
    because = cards.get(candidate.because)
    if plan.id is ShelfId.POPULAR:
        return "Popular this month"
    if plan.id is ShelfId.TOGETHER:
        return f"Often bought with {because.title}" if because else "Often bought together"
    if plan.id is ShelfId.SIMILAR:
        return "Like the one you are looking at"
    return f"Goes with {because.title}" if because else "Fits what you looked at"
