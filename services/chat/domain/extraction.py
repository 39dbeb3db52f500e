"""Answers made of the passages' own sentences: which are quoted, in which order, with which marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.chat.domain.article import Passage
from services.chat.domain.conversation import Citation
from services.chat.domain.retrieval import Evidence, Question
from services.chat.domain.text import Sentence, overlap, sentences, terms
from services.chat.domain.vocabulary import Vocabulary

MAX_QUOTES = 3
MAX_PASSAGES = 2
# A further sentence must be nearly as good as the best, a further passage nearly as good as the first.
_NEARLY = 0.80
_PASSAGE_NEARLY = 0.90
# Two sentences that share this much say the same.
_SAME = 0.75
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
    said: list[str] = []
    best_of_all = 0.0
    for weighed in _worth_quoting(evidence):
        spoken = sentences(weighed.passage.text)
        scored = _scored(question, weighed, spoken, vocabulary)
        if not scored:
            continue
        best_of_all = best_of_all or scored[0].score
        room = MAX_QUOTES - len(said)
        chosen = _chosen(scored, spoken, best_of_all, said, room)
        if not chosen:
            continue
        said += [spoken[place].text for place in chosen]
        text = _written(spoken, _with_context(spoken, chosen))
        quotes.append(Quote(citation_of(weighed.passage, len(quotes) + 1), text))
        if len(said) >= MAX_QUOTES or len(quotes) >= MAX_PASSAGES:
            break
    return quotes


def citation_of(passage: Passage, index: int) -> Citation:
    """Return the citation of a passage under a number."""
    return Citation(index, passage.article, passage.title, passage.section, passage.text)


def _worth_quoting(evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    for place, weighed in enumerate(evidence):
        if place == 0 or weighed.score >= _PASSAGE_NEARLY * evidence[0].score:
            yield weighed


def _scored(question: Question, weighed: Evidence, spoken: Sequence[Sentence], vocabulary: Vocabulary) -> list[_Scored]:
    """Return the places of sentences by how well they answer, best first."""
    asked = question.terms
    found = []
    for place, sentence in enumerate(spoken):
        lexical = vocabulary.covered(asked, terms(sentence.text))
        meaning = weighed.sentence_meanings[place] if weighed.sentence_meanings else lexical
        # A line that only introduces a list answers by its items.
        found.append(_Scored(place, 0.7 * meaning + 0.3 * lexical))
    return sorted(found, key=lambda scored: (-scored.score, scored.place))


def _chosen(
    scored: Sequence[_Scored], spoken: Sequence[Sentence], best: float, said: Sequence[str], room: int
) -> list[int]:
    chosen: list[int] = []
    for candidate in scored:
        if len(chosen) >= room or candidate.score < _NEARLY * best:
            break
        mine = terms(spoken[candidate.place].text)
        others = [*said, *(spoken[place].text for place in chosen)]
        if all(overlap(mine, terms(other)) < _SAME for other in others):
            chosen.append(candidate.place)
    return sorted(chosen)


def _with_context(spoken: Sequence[Sentence], chosen: Sequence[int]) -> list[int]:
    """Add what the chosen sentences need to make sense: the sentence before, a list's introduction, a list's items."""
    kept: set[int] = set()
    for place in chosen:
        sentence = spoken[place]
        lead = sentence.lead if sentence.lead >= 0 else place
        items = [other for other, item in enumerate(spoken) if item.lead == lead]
        if items:
            size = sum(len(spoken[item].text.split()) for item in items)
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
