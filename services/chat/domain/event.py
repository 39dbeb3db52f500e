"""What happens while an answer is written, in the order a shopper sees it."""

from dataclasses import dataclass

from services.chat.domain.conversation import Citation, Message

SEARCHING_ARTICLES = "SEARCHING_ARTICLES"
SEARCHING_PRODUCTS = "SEARCHING_PRODUCTS"
WRITING = "WRITING"


@dataclass(frozen=True, slots=True)
class Started:
    """Both messages exist."""

    question: Message
    answer: Message


@dataclass(frozen=True, slots=True)
class Activity:
    """What the assistant is doing, as a word for programs and in plain words."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage that a mark in the text refers to."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Shown:
    """A product to show, by its full name."""

    product: str


@dataclass(frozen=True, slots=True)
class Degraded:
    """A step was left out. Not told at once: the finished message carries it."""

    step: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer as it is stored."""

    message: Message


Event = Started | Activity | TextDelta | Cited | Shown | Degraded | Finished
# What the writing of an answer yields; beginning and end are the conversation's.
AnswerPart = Activity | TextDelta | Cited | Shown | Degraded
