"""Answers made of the passages' own sentences: which are quoted, in which order, with which marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.chat.domain.article import Passage
from services.chat.domain.conversation import Citation
from services.chat.domain.retrieval import Evidence, Question
from services.chat.domain.text import Sentence, overlap, sentences, terms
from services.chat.domain.vocabulary import Vocabulary

MAX_PASSAGES = 2
# Sections of help pages are short and answer one question: one of so many words is quoted whole.
_WHOLE_SECTION = 70
_WINDOW = 45
_OPENING = 30
# A further passage must be nearly as good as the first, and so must its best sentence.
_PASSAGE_NEARLY = 0.92
_NEARLY = 0.92
# Two sentences that share this much say the same.
_SAME = 0.6
_MAX_ITEMS = 7
_MAX_LIST_WORDS = 110


@dataclass(frozen=True, slots=True)
class Quote:
    """Sentences of one passage, word for word, and the number of its mark."""

    citation: Citation
    text: str


@dataclass(frozen=True, slots=True)
class _Scored:
    place: int
    score: float


def quote(question: Question, evidence: Sequence[Evidence], vocabulary: Vocabulary) -> list[Quote]:
    """Return the quotes that answer a question, from the best passage first. `evidence` is best first."""
    quotes: list[Quote] = []
    best_of_all = 0.0
    for weighed in _worth_quoting(evidence):
        spoken = sentences(weighed.passage.text)
        best = _best(question, weighed, spoken, vocabulary)
        if best is None or best.score < _NEARLY * best_of_all:
            continue
        best_of_all = best_of_all or best.score
        if any(_says_the_same(spoken[best.place], said.text) for said in quotes):
            continue
        # The first quote answers, a further one only adds to it.
        places = _section_around(spoken, best.place) if not quotes else [best.place]
        text = _written(spoken, _with_context(spoken, places))
        section = spoken[best.place].section
        quotes.append(Quote(citation_of(weighed.passage, len(quotes) + 1, section), text))
        if len(quotes) >= MAX_PASSAGES:
            break
    return quotes


def citation_of(passage: Passage, index: int, section: str = "") -> Citation:
    """Return the citation of a passage under a number, of one of its sections when one is named."""
    return Citation(index, passage.article, passage.title, section or passage.section, passage.shown)


def _worth_quoting(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    for place, weighed in enumerate(evidence):
        if place == 0 or weighed.score >= _PASSAGE_NEARLY * evidence[0].score:
            yield weighed


def _best(question: Question, weighed: Evidence, spoken: Sequence[Sentence], vocabulary: Vocabulary) -> _Scored | None:
    """Return the sentence that answers best."""
    asked = question.terms
    found: list[_Scored] = []
    for place, sentence in enumerate(spoken):
        lexical = vocabulary.covered(asked, terms(f"{sentence.section} {sentence.text}"))
        meaning = weighed.sentence_meanings[place] if weighed.sentence_meanings else lexical
        found.append(_Scored(place, 0.7 * meaning + 0.3 * lexical))
    return max(found, key=lambda scored: scored.score, default=None)


def _says_the_same(sentence: Sentence, said: str) -> bool:
    return overlap(terms(sentence.text), terms(said)) >= _SAME


def _section_around(spoken: Sequence[Sentence], best: int) -> list[int]:
    """Return the places of the section around a sentence; of a long one the sentence and what follows it."""
    section = [place for place, sentence in enumerate(spoken) if sentence.section == spoken[best].section]
    size = sum(_size(spoken[place]) for place in section)
    if not spoken[best].section and size <= _OPENING:
        # An opening says what the page is about, the first section says how it is.
        after = range(section[-1] + 1, len(spoken))
        section += [place for place in after if spoken[place].section == spoken[after[0]].section]
        size = sum(_size(spoken[place]) for place in section)
    if size <= _WHOLE_SECTION:
        return section
    chosen, size = [best], _size(spoken[best])
    for place in section[section.index(best) + 1 :]:
        size += _size(spoken[place])
        if size > _WINDOW:
            break
        chosen.append(place)
    return chosen


def _size(sentence: Sentence) -> int:
    return len(sentence.text.split())


def _with_context(spoken: Sequence[Sentence], chosen: Sequence[int]) -> list[int]:
    """Add what the chosen sentences need to make sense: the sentence before, a list's introduction, a list's items."""
    kept: set[int] = set()
    for place in chosen:
        sentence = spoken[place]
        lead = sentence.lead if sentence.lead >= 0 else place
        items = [other for other, item in enumerate(spoken) if item.lead == lead]
        if items:
            size = sum(_size(spoken[item]) for item in items)
            whole = len(items) <= _MAX_ITEMS and size <= _MAX_LIST_WORDS
            kept.update([lead, *(items if whole else [place] if place != lead else items[:_MAX_ITEMS])])
        kept.update(range(place - sentence.needs, place + 1))
        before = place - sentence.needs
        kept.update(range(before - spoken[before].needs, before))
    return sorted(kept)


def _written(spoken: Sequence[Sentence], places: Sequence[int]) -> str:
    """Write the sentences in their order; items of a list on lines of their own."""
    text = ""
    was_item = False
    for place in places:
        sentence = spoken[place]
        is_item = bool(sentence.marker)
        if is_item:
            text += ("\n" if text else "") + sentence.marker + sentence.text
        else:
            text += ("\n" if was_item else " " if text else "") + sentence.text
        was_item = is_item
    return text
