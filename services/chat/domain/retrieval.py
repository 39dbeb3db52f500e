"""From lists of found passages to the ones that answer, and the honest question whether any of them does."""

from collections.abc import Sequence
from dataclasses import dataclass
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

    # Shares of the score when vectors are there.
    meaning: float = 0.70
    lexical: float = 0.20
    title: float = 0.10
    # The least score of an answer, and the least meaning whatever the words say.
    known: float = 0.42
    least_meaning: float = 0.36
    # Meaning so close that words need not agree.
    sure_meaning: float = 0.62
    least_lexical: float = 0.10
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
    """Weigh every found passage and decide whether the best one answers."""
    weighed = [_weigh(question, stored, vocabulary, calibration) for stored in found]
    ranked = tuple(sorted(weighed, key=lambda evidence: -evidence.score))
    if not ranked or not question.terms:
        return Judgement(False, ranked)
    if any(question.vector and question.model == stored.model for stored in found):
        return Judgement(_known(ranked, calibration), ranked)
    return Judgement(_known_by_words(question, ranked[0], vocabulary, calibration), ranked)


def _weigh(
    question: Question,
    stored: Stored,
    vocabulary: Vocabulary,
    calibration: Calibration,
) -> Evidence:
    asked = question.terms
    lexical = vocabulary.covered(asked, terms(stored.passage.headed))
    title = vocabulary.covered(asked, terms(f"{stored.passage.title} {stored.passage.section}"))
    if not question.vector or question.model != stored.model:
        return Evidence(stored.passage, 0.8 * lexical + 0.2 * title, 0.0, lexical)
    by_sentence = tuple(closeness(question.vector, vector) for vector in stored.sentence_vectors)
    if len(by_sentence) != len(sentences(stored.passage.text)):
        by_sentence = ()
    whole = closeness(question.vector, stored.vector)
    meaning = max(whole, (whole + max(by_sentence)) / 2) if by_sentence else whole
    score = calibration.meaning * meaning + calibration.lexical * lexical + calibration.title * title
    return Evidence(stored.passage, score, meaning, lexical, by_sentence)


def _known(ranked: Sequence[Evidence], calibration: Calibration) -> bool:
    best = ranked[0]
    if best.meaning < calibration.least_meaning or best.score < calibration.known:
        return False
    return best.meaning >= calibration.sure_meaning or best.lexical >= calibration.least_lexical


def _known_by_words(question: Question, best: Evidence, vocabulary: Vocabulary, calibration: Calibration) -> bool:
    """Words alone must cover most of the question, and not by one common word."""
    shared = set(question.terms) & set(terms(best.passage.headed))
    telling = [term for term in shared if vocabulary.counts.get(term, 0) * 4 <= max(vocabulary.passages, 4)]
    return best.lexical >= calibration.known_by_words and bool(telling)
