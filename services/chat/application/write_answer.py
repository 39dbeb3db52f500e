"""Writes an answer from found passages: by a language model under checks, or out of the passages' own sentences."""

import logging
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from services.chat.application.find_passages import Found
from services.chat.application.ports import Writer
from services.chat.domain import phrasing
from services.chat.domain.answer_check import fault_of, marks, split_generated
from services.chat.domain.conversation import Citation
from services.chat.domain.event import WRITING, Activity, AnswerPart, Cited, Degraded, TextDelta
from services.chat.domain.extraction import citation_of, quote
from services.chat.domain.prompt import UNKNOWN, prompt_of
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.chat")

_PASSAGES = 4
# Passages much poorer than the best would only mislead the model.
_NEARLY = 0.70
# Behind its marks a sentence has ended.
_ENDED = re.compile(r"\[\d{1,2}\][.!?]?\s+(?!\[)(?=\S)")


class WriteAnswer:
    """Generates under checks; falls back to quoting."""

    def __init__(self, writer: Writer) -> None:
        """Take the language model."""
        self._writer = writer

    async def __call__(self, text: str, earlier: Sequence[str], found: Found) -> AsyncGenerator[AnswerPart, None]:
        """Stream an answer. The passages are known to hold one."""
        sheet = _Sheet(found)
        try:
            async with aclosing(self._generated(text, earlier, found, sheet)) as parts:
                async for part in parts:
                    yield part
        except AisleError as away:
            log.info("language model left out", extra={"data": {"reason": away.reason}})
            sheet.trusted = False
        if sheet.trusted:
            return
        yield Degraded("LLM")
        for part in _quoted(found, sheet):
            yield part

    async def _generated(
        self, text: str, earlier: Sequence[str], found: Found, sheet: "_Sheet"
    ) -> AsyncGenerator[AnswerPart, None]:
        """Stream checked sentences; the first that fails its check ends the model's part."""
        draft, announced = "", False
        async with aclosing(self._writer.write(prompt_of(text, earlier, sheet.passages))) as pieces:
            async for piece in pieces:
                if not announced:
                    announced = True
                    yield Activity(WRITING, phrasing.WRITING)
                draft += piece
                whole, draft = _whole_sentences(draft)
                for part in sheet.said(whole):
                    yield part
                if not sheet.trusted:
                    return
        if draft.strip().strip(".") == UNKNOWN and not sheet.text:
            yield TextDelta(phrasing.with_topics(phrasing.UNKNOWN, found.topics))
            return
        for part in sheet.said(split_generated(draft)):
            yield part
        if not sheet.text:
            sheet.trusted = False


class _Sheet:
    """What was said so far, with the model's marks renumbered in the order of their first use."""

    def __init__(self, found: Found) -> None:
        best = found.judgement.confidence
        worthy = [one.passage for one in found.judgement.evidence[:_PASSAGES] if one.score >= _NEARLY * best]
        self.passages = [citation_of(passage, number) for number, passage in enumerate(worthy, start=1)]
        self.texts = {
            passage.index: f"{passage.title}. {passage.section}\n{passage.passage}" for passage in self.passages
        }
        self.text = ""
        self.trusted = True
        self.numbers: dict[int, int] = {}

    def said(self, sentences: Sequence[str]) -> list[AnswerPart]:
        """Return the parts that say these sentences, up to the first that may not be said."""
        parts: list[AnswerPart] = []
        for sentence in sentences:
            fault = fault_of(sentence, self.texts)
            if fault is not None:
                log.info("generated sentence refused", extra={"data": {"rule": fault.rule}})
                self.trusted = False
                break
            for number in marks(sentence):
                parts += self._cited(self.passages[number - 1])
            told = (" " if self.text else "") + self._renumbered(sentence)
            self.text += told
            parts += [TextDelta(delta) for delta in phrasing.deltas(told)]
        return parts

    def _cited(self, passage: Citation) -> list[AnswerPart]:
        if passage.index in self.numbers:
            return []
        number = self.numbers[passage.index] = len(self.numbers) + 1
        return [Cited(Citation(number, passage.article, passage.title, passage.section, passage.passage))]

    def _renumbered(self, sentence: str) -> str:
        for number in set(marks(sentence)):
            sentence = sentence.replace(f"[{number}]", f"[\0{self.numbers[number]}]")
        return sentence.replace("\0", "")


def _quoted(found: Found, sheet: _Sheet) -> list[AnswerPart]:
    """Return the quotes that answer, without passages that the model has used already."""
    used = {sheet.passages[number - 1].passage for number in sheet.numbers}
    quotes = quote(found.question, found.judgement.evidence)
    fresh = [one for one in quotes if one.citation.passage not in used]
    parts: list[AnswerPart] = []
    for said in phrasing.joined(fresh, first_number=len(sheet.numbers) + 1):
        parts.append(Cited(said.citation))
        text = f"\n\n{said.text}" if sheet.text and said is fresh[0] else said.text
        parts += [TextDelta(delta) for delta in phrasing.deltas(text)]
    return parts


def _whole_sentences(draft: str) -> tuple[list[str], str]:
    """Split what has ended, marks and all, from what is still being written."""
    ends = [end.end() for end in _ENDED.finditer(draft)]
    return (split_generated(draft[: ends[-1]]), draft[ends[-1] :]) if ends else ([], draft)
