"""Answers made of the passages' own sentences: which are quoted, in which order, with which marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.chat.domain.answer_kind import FORM_WORDS, Kind, kinds_of
from services.chat.domain.article import Passage
from services.chat.domain.conversation import Citation
from services.chat.domain.retrieval import TELLING, Evidence, Question
from services.chat.domain.text import Sentence, overlap, sentences, terms

MAX_PASSAGES = 2
_MOST_WORDS = 70
_OPENING = 30
# A further passage must be nearly as good as the first, and so must its best sentence.
_PASSAGE_NEARLY = 0.92
_NEARLY = 0.92
# Two sentences that share this much say the same.
_SAME = 0.6
# Of a section so many sentences, and beside one that is of the kind asked for only others of that kind.
_SENTENCES = 3
_ALSO = 0.3
_MAX_ITEMS = 7
_MAX_LIST_WORDS = 110


@dataclass(frozen=True, slots=True)
class Quote:
    """Sentences of one passage, word for word, and the number of its mark."""

    citation: Citation
    text: str


def quote(question: Question, evidence: Sequence[Evidence]) -> list[Quote]:
    """Return the quotes that answer a question, from the best passage first. `evidence` is best first."""
    quotes: list[Quote] = []
    missing = set(question.terms) - FORM_WORDS
    kinds = kinds_of(question.text)
    best_of_all = 0.0
    for weighed in _worth_quoting(evidence):
        spoken = sentences(weighed.passage.text)
        scores = weighed.answers
        best = max(range(len(spoken)), key=scores.__getitem__, default=-1)
        if best < 0 or scores[best] < _NEARLY * best_of_all:
            continue
        best_of_all = best_of_all or scores[best]
        of_kind = not kinds or weighed.fits[best] >= TELLING
        adds = bool(missing & _terms_in_place(weighed.passage, spoken[best]))
        # The first quote answers; a further one must too, and hold what the question names and the first does not.
        if quotes and (not of_kind or not adds or _says_the_same(spoken[best], quotes[0].text)):
            continue
        places = _around(question, weighed, spoken, best) if not quotes else [best]
        kept = _with_context(spoken, places)
        missing -= set().union(*(_terms_in_place(weighed.passage, spoken[place]) for place in kept))
        section = spoken[best].section
        quotes.append(Quote(citation_of(weighed.passage, len(quotes) + 1, section), _written(spoken, kept)))
        if len(quotes) >= MAX_PASSAGES:
            break
    return quotes


def _terms_in_place(passage: Passage, sentence: Sentence) -> set[str]:
    return set(terms(f"{passage.title} {sentence.section} {sentence.text}"))


def citation_of(passage: Passage, index: int, section: str = "") -> Citation:
    """Return the citation of a passage under a number, of one of its sections when one is named."""
    return Citation(index, passage.article, passage.title, section or passage.section, passage.shown)


def _worth_quoting(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    for place, weighed in enumerate(evidence):
        if place == 0 or weighed.rank >= _PASSAGE_NEARLY * evidence[0].rank:
            yield weighed


def _says_the_same(sentence: Sentence, said: str) -> bool:
    return overlap(terms(sentence.text), terms(said)) >= _SAME


def _around(question: Question, weighed: Evidence, spoken: Sequence[Sentence], best: int) -> list[int]:
    """Return the places of the sentences that belong to an answer, at most three that stand together."""
    section = _places_of_section(spoken, spoken[best].section)
    answers = weighed.fits[best] >= TELLING
    explains: list[int] = []
    if not spoken[best].section and sum(_size(spoken[place]) for place in section) <= _OPENING:
        # An opening says what the page is about, the first section says how it is.
        after = section[-1] + 1
        explains = _places_of_section(spoken, spoken[after].section) if after < len(spoken) else []
    if explains and kinds_of(question.text) == {Kind.YES_NO}:
        # A yes is explained by what is nearest to the question.
        return [*section, max(explains, key=weighed.answers.__getitem__)]
    if not answers:
        most = _SENTENCES + len(section) if explains else _SENTENCES
        return _together(spoken, [*section, *explains], best, weighed.answers, most)
    missing = set(question.terms) - FORM_WORDS - _terms_in_place(weighed.passage, spoken[best])
    also = [
        place
        for place in section
        if weighed.fits[place] >= _ALSO or missing & _terms_in_place(weighed.passage, spoken[place])
    ]
    return _together(spoken, also, best, weighed.answers, _SENTENCES)


def _places_of_section(spoken: Sequence[Sentence], section: str) -> list[int]:
    return [place for place, sentence in enumerate(spoken) if sentence.section == section]


def _together(
    spoken: Sequence[Sentence], near: Sequence[int], best: int, scores: Sequence[float], most: int
) -> list[int]:
    """Grow from the best sentence to its better neighbour while the quote stays short."""
    chosen, size = [best], _size(spoken[best])
    while len(chosen) < most:
        beside = [place for place in (chosen[0] - 1, chosen[-1] + 1) if place in near]
        beside = [place for place in beside if size + _size(spoken[place]) <= _MOST_WORDS]
        if not beside:
            break
        taken = max(beside, key=scores.__getitem__)
        size += _size(spoken[taken])
        chosen = sorted([*chosen, taken])
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
