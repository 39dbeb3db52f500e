"""From lists of found passages to the ones that answer, and the honest question whether any of them does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import mul

from services.chat.domain.answer_kind import FORM_WORDS, Kind, fit, kinds_of, usual
from services.chat.domain.article import Passage
from services.chat.domain.text import Sentence, sentences, terms
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
    # How well a sentence answers: its closeness, the question's words in it, and whether it is the kind of answer asked
    # for; a sentence of that kind that says how it usually is gains a little more.
    sentence_lexical: float = 0.3
    kind: float = 0.3
    usual: float = 0.1
    # How much a passage's rank gains when kind makes its sentences better answers. Ranks order passages; what is known
    # is decided without them.
    answering: float = 0.5
    # The share of the nearest passage's score from which on a passage is near in topic: others gain nothing by kind.
    near: float = 0.8


# From here on a fit tells that a sentence is of the kind asked for.
TELLING = 0.4

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
    """A passage weighed against a question.

    `score` is how near its topic is. `answers` is how well each of its sentences answers, `fits` how far each is of the
    kind asked for; `rank` is the score and what the kind adds to it.
    """

    passage: Passage
    score: float
    meaning: float
    lexical: float
    answers: tuple[float, ...]
    fits: tuple[float, ...]
    rank: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The evidence, best rank first, and whether it is near enough to answer from."""

    known: bool
    evidence: tuple[Evidence, ...]

    @property
    def confidence(self) -> float:
        """The score of the nearest evidence."""
        return max((evidence.score for evidence in self.evidence), default=0.0)


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
    wanted = _Asked(question, frozenset(asked), kinds_of(question.text), vocabulary, calibration)
    weighed = [_weigh(wanted, stored, place) for place, stored in enumerate(found)]
    nearest = max(weighed, key=lambda evidence: evidence.score, default=None)
    if nearest is None:
        return Judgement(False, ())
    least = calibration.near * nearest.score
    weighed = [one if one.score >= least else replace(one, rank=one.score) for one in weighed]
    ranked = tuple(sorted(weighed, key=lambda evidence: -evidence.rank))
    if not asked:
        return Judgement(False, ranked)
    if any(question.vector and question.model == stored.model for stored in found):
        return Judgement(_known(asked, nearest, vocabulary, calibration), ranked)
    return Judgement(_known_by_words(asked, nearest, vocabulary, calibration), ranked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is looked for in every passage."""

    question: Question
    terms: frozenset[str]
    kinds: frozenset[Kind]
    vocabulary: Vocabulary
    calibration: Calibration


def _weigh(asked: _Asked, stored: Stored, place: int) -> Evidence:
    question, calibration = asked.question, asked.calibration
    in_text, in_title, spoken = _read(stored.passage)
    lexical = asked.vocabulary.covered(asked.terms, in_text)
    title = asked.vocabulary.covered(asked.terms, in_title)
    if not question.vector or question.model != stored.model:
        # Without meaning the place among the found says how often and how prominently the words stand there.
        score = 0.4 * lexical + 0.2 * title + 0.4 / (1 + place)
        return _ranked(asked, stored.passage, (), Evidence(stored.passage, score, 0.0, lexical, (), (), score))
    by_sentence = tuple(closeness(question.vector, vector) for vector in stored.sentence_vectors)
    if len(by_sentence) != len(spoken):
        by_sentence = ()
    whole = closeness(question.vector, stored.vector)
    best = max(by_sentence, default=whole)
    meaning = calibration.whole * whole + (1 - calibration.whole) * best
    score = meaning + calibration.lexical * lexical + calibration.title * title
    return _ranked(asked, stored.passage, by_sentence, Evidence(stored.passage, score, meaning, lexical, (), (), score))


def _ranked(asked: _Asked, passage: Passage, meanings: Sequence[float], evidence: Evidence) -> Evidence:
    """Return the evidence with what its sentences are worth as answers."""
    calibration = asked.calibration
    spoken = _read(passage)[2]
    named = asked.terms - FORM_WORDS
    fits = tuple(fit(asked.kinds, asked.terms, sentence, passage.title) for sentence in spoken)
    answers: list[float] = []
    nearest = telling = 0.0
    for place, sentence in enumerate(spoken):
        lexical = asked.vocabulary.covered(named, _terms_under(sentence, passage.title))
        meaning = meanings[place] if meanings else lexical
        near = (1 - calibration.sentence_lexical) * meaning + calibration.sentence_lexical * lexical
        of_kind = calibration.kind * fits[place]
        usually = calibration.usual if fits[place] and usual(asked.kinds, sentence) else 0.0
        answers.append(near + of_kind + usually)
        nearest = max(nearest, near)
        # A weak sign of the kind chooses a sentence, not a passage; nor does one that shares nothing with the question.
        telling = max(telling, near + (of_kind if near > 0 and fits[place] >= TELLING else 0.0))
    rank = evidence.score + calibration.answering * (telling - nearest)
    return replace(evidence, answers=tuple(answers), fits=fits, rank=rank)


@lru_cache(maxsize=16_384)
def _terms_under(sentence: Sentence, title: str) -> frozenset[str]:
    """Return the terms of a sentence and its heading, which for an opening is the title."""
    return frozenset(terms(f"{sentence.section or title} {sentence.text}"))


@lru_cache(maxsize=4096)
def _read(passage: Passage) -> tuple[frozenset[str], frozenset[str], tuple[Sentence, ...]]:
    """Return the terms of a passage, those of its title and headings, and its sentences."""
    headings = f"{passage.title} {passage.section}"
    return frozenset(terms(passage.headed)), frozenset(terms(headings)), tuple(sentences(passage.text))


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
