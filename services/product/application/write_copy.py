"""Writes a description from a product's facts as a stream, then says what an editor should look at."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.product.application.ports import (
    Catalogue,
    Copywriter,
    TextDelta,
    WriterEvent,
    WriterFinished,
    WriterStarted,
)
from services.product.domain.composed_copy import composed_copy, in_word_sized_deltas
from services.product.domain.copy_brief import CopyBrief, Draft, Tone, copy_brief
from services.product.domain.copy_check import Finding, findings
from services.product.domain.errors import field_invalid, product_not_found
from services.product.domain.product import Product
from services.runtime.errors import Unavailable

LLM = "LLM"


@dataclass(frozen=True, slots=True)
class CopyWanted:
    """What was asked for."""

    product_id: str
    draft: Draft | None
    tone: Tone
    keywords: Sequence[str]
    target_words: int


@dataclass(frozen=True, slots=True)
class CopyFinished:
    """The whole text, the model that wrote it, and the steps left out."""

    text: str
    model: str
    degraded: Sequence[str]


CopyEvent = TextDelta | Finding | CopyFinished


class WriteCopy:
    """Writes product descriptions. Saves nothing."""

    def __init__(self, catalogue: Catalogue, copywriter: Copywriter) -> None:
        """Take where facts are found, and who writes."""
        self._catalogue = catalogue
        self._copywriter = copywriter

    async def __call__(self, wanted: CopyWanted) -> AsyncGenerator[CopyEvent, None]:
        """Stream the text, then findings, then the end. Without a model the text is composed from the facts."""
        brief = await self._brief(wanted)
        parts: list[str] = []
        model, degraded, broken = "", [LLM], False
        async with aclosing(self._written(brief)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    parts.append(event.text)
                    yield event
                elif isinstance(event, WriterStarted):
                    model = event.model
                elif isinstance(event, WriterFinished):
                    degraded = list(event.degraded)
                else:
                    broken = True
        text = "".join(parts)
        if broken:
            yield Finding("INCOMPLETE", "The model stopped in the middle; the text ends early.")
        for finding in findings(text, brief):
            yield finding
        yield CopyFinished(text, model, degraded)

    async def _written(self, brief: CopyBrief) -> AsyncGenerator[WriterEvent | None, None]:
        """Stream what the model writes; before its first word the composed text can still take its place.

        None stands for a model that stopped in the middle.
        """
        begun = False
        try:
            async with aclosing(self._copywriter.write(brief)) as events:
                async for event in events:
                    begun = begun or isinstance(event, TextDelta)
                    yield event
            if begun:
                return
        except Unavailable:
            if begun:
                yield None
                return
        yield WriterStarted("")
        for delta in in_word_sized_deltas(composed_copy(brief)):
            yield TextDelta(delta)
        yield WriterFinished([LLM])

    async def _brief(self, wanted: CopyWanted) -> CopyBrief:
        stored: Product | None = None
        async with self._catalogue.reading() as reader:
            if wanted.product_id:
                stored = (await reader.products([wanted.product_id])).get(wanted.product_id)
                if stored is None:
                    raise product_not_found(wanted.product_id)
            titles = await reader.category_titles()
        category = (wanted.draft.category if wanted.draft else "") or (stored.category if stored else "")
        title = titles.get(category, "")
        brief = copy_brief(stored, wanted.draft, title, wanted.tone, wanted.keywords, wanted.target_words)
        if not brief.title:
            raise field_invalid("draft.title", "must not be empty: there is nothing to write about")
        return brief
