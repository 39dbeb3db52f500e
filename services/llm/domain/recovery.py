"""Going on with an answer that broke off: what the next model is asked, and how the two halves are joined."""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from services.llm.domain.generation import Message, Prompt, Role

_GO_ON = (
    "Your last message was cut off in the middle. Go on exactly where it stops: do not repeat any of it, do not "
    "comment, do not begin again. Your first character follows its last one."
)
# A repeated beginning, or a repeated end, of this many characters is no chance.
_SAME_BEGINNING = 16
_SAME_END = 12
# How much of the new words is looked at before they are passed on.
_WINDOW = 160


class Style(Enum):
    """How a model is asked to go on."""

    # The text so far is the last turn: the model's next token follows it.
    PREFILL = "prefill"
    # The text so far is a turn of the assistant, and the user asks to go on.
    INSTRUCTION = "instruction"


class Diverged(Exception):
    """The model began anew and said something else: the two halves do not belong together."""


def continuation(prompt: Prompt, said: str, style: Style) -> Prompt:
    """Return the prompt that asks for the rest of an answer."""
    so_far = Message(Role.ASSISTANT, said)
    turns: Sequence[Message] = [*prompt.messages, so_far]
    if style is Style.INSTRUCTION:
        turns = [*turns, Message(Role.USER, _GO_ON)]
    return replace(prompt, messages=turns)


class Seam:
    """Joins the words of a second model to those of the first without saying anything twice.

    A model asked to go on sometimes repeats the last words, and sometimes the whole answer. What it repeats is
    swallowed, even of a word or two: that a model means to say the same twice just where the first one broke off is
    less likely than that it begins anew. One that begins like the first and then differs raises Diverged.
    """

    def __init__(self, said: str, style: Style) -> None:
        """Take what has been said, and how the model was asked; one that was given the words does not repeat them."""
        self._said = said
        self._held = ""
        self._open = style is Style.PREFILL

    def feed(self, text: str) -> str:
        """Return what may be passed on of new words."""
        if self._open:
            return text
        self._held += text
        if len(self._held) < len(self._said) and self._said.startswith(self._held):
            return ""
        if self._held.startswith(self._said):
            return self._pass(self._held[len(self._said) :])
        if self._begins_anew():
            raise Diverged
        if len(self._held) < _WINDOW:
            return ""
        return self._pass(self._trimmed())

    def end(self) -> str:
        """Return what is still held back at the end of the answer."""
        if self._open:
            return ""
        if self._begins_anew():
            raise Diverged
        return self._pass(self._trimmed())

    def _begins_anew(self) -> bool:
        return len(self._said) >= _SAME_BEGINNING and self._held.startswith(self._said[:_SAME_BEGINNING])

    def _pass(self, text: str) -> str:
        self._open, self._held = True, ""
        return text

    def _trimmed(self) -> str:
        """Return the new words without a repeated end of the old ones."""
        longest = min(len(self._said), len(self._held))
        for size in range(longest, _SAME_END - 1, -1):
            if self._said.endswith(self._held[:size]):
                return self._held[size:]
        return self._held
