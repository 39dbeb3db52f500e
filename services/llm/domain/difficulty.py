"""What a judge of difficulty is shown of a conversation, and what the outside of a text says about it."""

import math
from collections.abc import Sequence

from services.llm.domain.generation import Message, Role

# A question stands at the beginning of a message or at its end, not in the middle of a pasted page.
_HEAD = 1_000
_TAIL = 1_000
_DIGITS = b"0123456789"
_CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SYMBOLS = b"+-*/=^<>()[]{}\\|%$"
_PUNCTUATION = _SYMBOLS + b"!\"#&',.:;?@_`~"
_ASCII = bytes(range(128))

SHAPE_SIZE = 14


def question(messages: Sequence[Message]) -> str:
    """Return the last words of the user, cut in the middle when they are long; empty when the user said nothing.

    What the system says is the same for easy and for hard questions, so it is left out.
    """
    for message in reversed(messages):
        if message.role is Role.USER:
            return clipped(message.text)
    return ""


def clipped(text: str) -> str:
    """Return a text of bounded length: its beginning and its end."""
    if len(text) <= _HEAD + _TAIL:
        return text
    return f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def shape(text: str) -> list[float]:
    """Return numbers about the outside of a text, whatever it is about: lengths, and shares of kinds of characters.

    Counting is left to `bytes.translate`, which is as fast as copying.
    """
    raw = text.encode("utf-8", "replace")
    words, lines = raw.split(), raw.split(b"\n")
    size, count = max(len(raw), 1), max(len(words), 1)
    return [
        math.log1p(len(raw)),
        math.log1p(len(words)),
        math.log1p(len(lines)),
        math.log1p(max(map(len, lines))),
        sum(map(len, words)) / count,
        len(set(words)) / count,
        _count(raw, _DIGITS) / size,
        _count(raw, _CAPITALS) / size,
        _count(raw, _SYMBOLS) / size,
        _count(raw, _PUNCTUATION) / size,
        raw.count(b",") / size,
        raw.count(b".") / size,
        math.log1p(raw.count(b"?")),
        len(raw.translate(None, _ASCII)) / size,
    ]


def _count(raw: bytes, kinds: bytes) -> int:
    return len(raw) - len(raw.translate(None, kinds))
