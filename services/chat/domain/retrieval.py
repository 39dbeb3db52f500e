"""From lists of found passages to the ones that answer, and the honest question whether any of them does."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from services.chat.domain.article import Passage
from services.chat.domain.text import sentences, terms
from services.chat.domain.vocabulary import Vocabulary

Vector = Sequence[float]

# Reciprocal rank fusion: how fast a place in a list loses weight.
_FUSION = 60


@dataclass(frozen=True, slots=True)
class Calibration:
    """The numbers of the decision, measured by bench/chat_answers.py on questions it was not tuned on."""

    # Share of the whole passage in its meaning; the rest is that of its closest sentence.
    whole: float = 0.4
    # What words shared with the passage, and with its title and headings, add to its meaning.
    lexical: float = 0.05
    title: float = 0.05
    # What is taken off for words that no article uses: they speak of something else.
    strange: float = 0.05
    # The least score of an answer.
    known: float = 0.48
    # The least share of the question's words when there are no vectors.
    known_by_words: float = 0.55


CALIBRATED = Calibration()


@dataclass(frozen=True, slots=True)
class Stored:
    """A passage with its vector and those of its sentences, as far as they were made, and the model that made them."""

    passage: Passage
    model: str = ""
    vector: Vector = ()
    sentence_vectors: tuple[Vector, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage weighed against a question. Sentence meanings are empty without vectors."""

    passage: Passage
    score: float
    meaning: float
    lexical: float
    sentence_meanings: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The evidence, best first, and whether it is good enough to answer from."""

    known: bool
    evidence: tuple[Evidence, ...]

    @property
    def confidence(self) -> float:
        """The score of the best evidence."""
        return self.evidence[0].score if self.evidence else 0.0


def fuse(lists: Sequence[Sequence[str]], limit: int) -> list[str]:
    """Return the keys of several ranked lists as one: what stands high in many lists comes first."""
    gathered: dict[str, float] = {}
    for ranked in lists:
        for place, key in enumerate(ranked):
            gathered[key] = gathered.get(key, 0.0) + 1.0 / (_FUSION + place + 1)
    return sorted(gathered, key=lambda key: -gathered[key])[:limit]


def closeness(one: Vector, other: Vector) -> float:
    """Return the cosine of two vectors of unit length; 0 when they are of different models."""
    return sum(map(mul, one, other)) if len(one) == len(other) else 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is compared with passages: its terms, and its vector when there is one."""

    text: str
    vector: Vector = ()
    model: str = ""

    @property
    def terms(self) -> list[str]:
        """What the question is about."""
        return terms(self.text)


def judge(
    question: Question,
    found: Sequence[Stored],
    vocabulary: Vocabulary,
    calibration: Calibration = CALIBRATED,
) -> Judgement:
    """Weigh every found passage, given best first, and decide whether the best one answers."""
    asked = question.terms
    weighed = [_weigh(question, asked, stored, place, vocabulary, calibration) for place, stored in enumerate(found)]
    ranked = tuple(sorted(weighed, key=lambda evidence: -evidence.score))
    if not ranked or not asked:
        return Judgement(False, ranked)
    if any(question.vector and question.model == stored.model for stored in found):
        return Judgement(_known(asked, ranked[0], vocabulary, calibration), ranked)
    return Judgement(_known_by_words(asked, ranked[0], vocabulary, calibration), ranked)


def _weigh(
    question: Question,
    asked: Sequence[str],
    stored: Stored,
    place: int,
    vocabulary: Vocabulary,
    calibration: Calibration,
) -> Evidence:
    in_text, in_title, spoken = _read(stored.passage)
    lexical = vocabulary.covered(asked, in_text)
    title = vocabulary.covered(asked, in_title)
    if not question.vector or question.model != stored.model:
        # Without meaning the place among the found says how often and how prominently the words stand there.
        return Evidence(stored.passage, 0.4 * lexical + 0.2 * title + 0.4 / (1 + place), 0.0, lexical)
    by_sentence = tuple(closeness(question.vector, vector) for vector in stored.sentence_vectors)
    if len(by_sentence) != spoken:
        by_sentence = ()
    whole = closeness(question.vector, stored.vector)
    best = max(by_sentence, default=whole)
    meaning = calibration.whole * whole + (1 - calibration.whole) * best
    score = meaning + calibration.lexical * lexical + calibration.title * title
    return Evidence(stored.passage, score, meaning, lexical, by_sentence)


@lru_cache(maxsize=4096)
def _read(passage: Passage) -> tuple[frozenset[str], frozenset[str], int]:
    """Return the terms of a passage, those of its title and headings, and its number of sentences."""
    headings = f"{passage.title} {passage.section}"
    return frozenset(terms(passage.headed)), frozenset(terms(headings)), len(sentences(passage.text))


def _known(asked: Sequence[str], best: Evidence, vocabulary: Vocabulary, calibration: Calibration) -> bool:
    """Meaning decides, words agree or object."""
    distinct = set(asked)
    strange = sum(1 for term in distinct if not vocabulary.counts.get(term)) / len(distinct)
    return best.score - calibration.strange * strange >= calibration.known


def _known_by_words(asked: Sequence[str], best: Evidence, vocabulary: Vocabulary, calibration: Calibration) -> bool:
    """Words alone must cover most of the question, and not by one common word."""
    shared = set(asked) & _read(best.passage)[0]
    telling = [term for term in shared if vocabulary.counts.get(term, 0) * 4 <= max(vocabulary.passages, 4)]
    return best.lexical >= calibration.known_by_words and bool(telling)
