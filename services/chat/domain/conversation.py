"""Conversations and what is said in them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from services.chat.domain.text import shortened

# How long an answer keeps its conversation to itself without a sign of life.
LEASE = timedelta(seconds=20)
TITLE_LENGTH = 80


class Author(IntEnum):
    """Who says something; the numbers are stored."""

    SHOPPER = 1
    ASSISTANT = 2


class State(IntEnum):
    """Whether a message is whole; the numbers are stored."""

    STREAMING = 1
    COMPLETE = 2
    INTERRUPTED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that the mark `[index]` in a text refers to."""

    index: int
    article: str
    title: str
    section: str
    passage: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A talk of one owner. `answering` is the message being written and `lease_until` how long it keeps others out."""

    key: str
    owner: str
    title: str
    create_time: datetime
    update_time: datetime
    answering: str = ""
    lease_until: datetime | None = None

    def busy(self, now: datetime) -> bool:
        """Return whether an answer is being written: a claim without a sign of life has lapsed."""
        return bool(self.answering) and self.lease_until is not None and self.lease_until > now


@dataclass(frozen=True, slots=True)
class Message:
    """Something said. `request` identifies the call that said it, `reply_to` the question an answer belongs to."""

    key: str
    conversation: str
    author: Author
    text: str
    state: State
    create_time: datetime
    citations: tuple[Citation, ...] = ()
    products: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    request_id: str = ""
    fingerprint: str = ""
    reply_to: str = ""
    position: int = 0

    def ended(self, state: State) -> "Message":
        """Return the message as it stands when its writing ends."""
        return replace(self, state=state, text=self.text.strip())


def title_of(first_question: str) -> str:
    """Return what a conversation is called after its first question."""
    return shortened(first_question, TITLE_LENGTH)


def fingerprint(text: str, product: str) -> str:
    """Return what tells two questions under one request id apart."""
    return hashlib.sha256(f"{product}\n{text}".encode()).hexdigest()


def earlier_questions(messages: Sequence[Message]) -> list[str]:
    """Return what the shopper asked so far, oldest first."""
    return [message.text for message in messages if message.author is Author.SHOPPER]


def last_shown(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return the products that the last answer showed."""
    answers = [message for message in messages if message.author is Author.ASSISTANT]
    return answers[-1].products if answers else ()
