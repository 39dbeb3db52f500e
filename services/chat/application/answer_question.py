"""Answers a question: decides what is asked, where the answer may come from, and when there is none."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass

from services.chat.application.advise_products import Advice, AdviseProducts
from services.chat.application.answer_about_product import AboutProduct, AnswerAboutProduct
from services.chat.application.find_passages import FindPassages, Found, Glossary
from services.chat.application.write_answer import WriteAnswer
from services.chat.domain import phrasing
from services.chat.domain.event import (
    SEARCHING_ARTICLES,
    SEARCHING_PRODUCTS,
    Activity,
    AnswerPart,
    Degraded,
    TextDelta,
)
from services.chat.domain.follow_up import about_the_product, refines, standalone
from services.chat.domain.intent import Intent, Reading, about_the_house, read_intent
from services.chat.domain.product_answer import Facet, facets_of
from services.chat.domain.text import terms
from services.chat.domain.wish import Wish, refined, wish_after
from services.runtime.errors import AisleError

_SMALL_TALK = {
    Intent.GREETING: phrasing.GREETING,
    Intent.THANKS: phrasing.THANKS,
    Intent.GOODBYE: phrasing.GOODBYE,
    Intent.WHO_ARE_YOU: phrasing.WHO_ARE_YOU,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what went before it."""

    text: str
    # Last part of the name of the product the shopper looks at; may be empty.
    product: str = ""
    # What was asked before, oldest first.
    earlier: tuple[str, ...] = ()
    # Names of the products that the last answer showed.
    shown: tuple[str, ...] = ()


Parts = AsyncGenerator[AnswerPart, None]


class AnswerQuestion:
    """The way from a question to an answer."""

    def __init__(
        self,
        glossary: Glossary,
        find_passages: FindPassages,
        write_answer: WriteAnswer,
        advise_products: AdviseProducts,
        answer_about_product: AnswerAboutProduct,
    ) -> None:
        """Take the steps."""
        self._glossary = glossary
        self._find = find_passages
        self._write = write_answer
        self._advise = advise_products
        self._about = answer_about_product

    async def __call__(self, asked: Asked) -> Parts:
        """Stream the answer."""
        reading = read_intent(asked.text, bool(asked.shown))
        if reading.intent in _SMALL_TALK:
            parts = self._small_talk(reading.intent)
        elif reading.intent is Intent.WISH and not self._of_this_product(asked, reading):
            parts = self._wish(asked, wish_after(reading, asked.earlier))
        elif asked.shown and refines(asked.text) and not about_the_house(asked.text):
            parts = self._wish(asked, refined(asked.text, asked.earlier))
        elif asked.product:
            parts = self._of_product(asked)
        else:
            parts = self._help(asked, reading)
        async with aclosing(parts):
            async for part in parts:
                yield part

    @staticmethod
    def _of_this_product(asked: Asked, reading: Reading) -> bool:
        """Return whether what sounds like a wish is about the product at hand: "would you recommend it?"."""
        return bool(asked.product) and not terms(reading.wish) and not reading.cheaper

    async def _small_talk(self, intent: Intent) -> Parts:
        topics: tuple[str, ...] = ()
        try:
            topics = (await self._glossary())[0].topics
        except AisleError:
            # A greeting does not fail because the database does.
            yield Degraded("ARTICLES")
        for part in _say(phrasing.with_topics(_SMALL_TALK[intent], topics)):
            yield part

    async def _wish(self, asked: Asked, wish: Wish) -> Parts:
        if not terms(wish.text):
            for part in _say(phrasing.NO_WISH):
                yield part
            return
        yield Activity(SEARCHING_PRODUCTS, phrasing.looking_for(wish.text))
        advice = await self._advise(wish, asked.shown)
        for part in advice.parts():
            yield part

    async def _help(self, asked: Asked, reading: Reading) -> Parts:
        """Answer from the articles; what may be a wish is settled by what is found."""
        yield Activity(SEARCHING_ARTICLES, phrasing.LOOKING_IN_ARTICLES)
        text = standalone(asked.text, asked.earlier)
        found = await self._find(text)
        for step in found.degraded:
            yield Degraded(step)
        maybe_wish = not reading.sure and bool(terms(reading.wish)) and not about_the_house(asked.text)
        advice: Advice | None = None
        if maybe_wish:
            yield Activity(SEARCHING_PRODUCTS, phrasing.looking_for(reading.wish))
            advice = await self._advise(Wish(reading.wish, reading.budget), asked.shown)
        if advice is not None and (advice.exact or (advice.products and not found.judgement.known)):
            for part in advice.parts():
                yield part
            return
        parts = self._from_articles(asked, text, found)
        async with aclosing(parts):
            async for part in parts:
                yield part

    async def _from_articles(self, asked: Asked, text: str, found: Found) -> Parts:
        if not found.judgement.known or found.best is None:
            for part in _say(phrasing.with_topics(phrasing.UNKNOWN, found.topics)):
                yield part
            return
        yield Activity(SEARCHING_ARTICLES, phrasing.looking_in(found.best.title))
        parts = self._write(text, asked.earlier, found)
        async with aclosing(parts):
            async for part in parts:
                yield part

    async def _of_product(self, asked: Asked) -> Parts:
        """Answer about the product at hand; questions about the house's ways go to the articles."""
        yield Activity(SEARCHING_PRODUCTS, phrasing.LOOKING_AT_PRODUCT)
        about = await self._about.read(asked.product)
        for step in about.degraded:
            yield Degraded(step)
        told = about.direct(asked.text) if self._speaks_of_it(asked.text) else ""
        if told:
            for part in _say(told):
                yield part
            return
        text = standalone(asked.text, asked.earlier)
        found = await self._find(text)
        for step in found.degraded:
            yield Degraded(step)
        told = await self._told(asked, text, about, found)
        if told:
            for part in _say(told):
                yield part
            return
        parts = self._from_articles(asked, text, found)
        async with aclosing(parts):
            async for part in parts:
                yield part

    @staticmethod
    def _speaks_of_it(text: str) -> bool:
        """Return whether a question is one about the product: "when will it arrive", not "what does delivery cost"."""
        if not about_the_house(text):
            return True
        return Facet.DELIVERY in facets_of(text) and about_the_product(text)

    async def _told(self, asked: Asked, text: str, about: AboutProduct, found: Found) -> str:
        """Return what the product's facts answer, empty when the articles are the better source."""
        if about_the_house(asked.text) and found.judgement.known:
            return ""
        told = await self._about.facts(text, about)
        if told:
            return told
        if found.judgement.known and not about_the_product(asked.text):
            return ""
        return about.unknown() if about_the_product(asked.text) or about.product else ""


def _say(text: str) -> Iterable[AnswerPart]:
    return [TextDelta(delta) for delta in phrasing.deltas(text)]
