"""When two requests have the same answer: what is part of a question's identity, and who may share its answer."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A request as the cache knows it. Digests cover whatever shapes the answer or limits who may see it."""

    # Of everything: two requests of one digest are the same request of the same people.
    exact: str
    # Of everything but the words of the last question: a similar question may only answer within it.
    scope: str
    # The last question; empty when only the same request will do.
    text: str
    # Seconds an answer is kept.
    seconds: float
    tags: Sequence[str] = ()
