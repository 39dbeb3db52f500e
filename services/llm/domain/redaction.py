"""Personal data in prompts: found by pattern and check digit, replaced by stand-ins, put back in the answer.

What is replaced: e-mail addresses, telephone numbers, payment cards (Luhn), IBANs (ISO 7064 mod 97), lines of
addresses and secrets that look like keys. The same value gets the same stand-in: the model can still tell two apart.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from services.llm.domain.generation import Message, Prompt, Role, ToolCall

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
# Every group but the bank's holds a digit, or the next word of the sentence would be taken for one.
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]{4}(?:[ -]?(?=[A-Za-z]{0,3}\d)[A-Za-z0-9]{4}){1,6}"
    r"(?:[ -]?(?=[A-Za-z]{0,2}\d)[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d])")
# Numbers people are called at: with a plus, a leading zero or brackets, or in the grouped form of North America.
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}[ ./-]?(?:\(0\)[ ]?)?(?:\(?\d{1,5}\)?[ ./-]?){1,6}\d{2,5}"
    r"|\(?0\d{1,5}\)?[ ./-]?\d{2,5}(?:[ ./-]?\d{2,5}){1,4}"
    r"|\(\d{3}\)[ ]?\d{3}[ .-]\d{4}"
    r"|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w])"
)
_KEY = re.compile(r"(?<![\w-])(?:sk|ak|pk|ghp|xox[bp]|AKIA)[-_]?[A-Za-z0-9_-]{16,}(?![\w-])")
_WAYS = (
    "street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|square|sq|terrace|close|crescent|"
    "parkway|pkwy|highway|hwy"
)
_ADDRESS = re.compile(
    rf"(?<![\w])(?:flat |apt\.? |unit )?\d{{1,5}}[A-Za-z]?,? (?:[A-Z][\w'.-]*\.? ){{1,4}}(?:{_WAYS})\b\.?"
    r"(?:,? (?:apt|apartment|suite|unit|flat|#)\.? ?\w{1,6})?"
    r"|(?<![\w])[A-ZÄÖÜ][\wäöüß-]*(?:straße|strasse|str\.|weg|platz|gasse|allee) \d{1,4}[a-z]?\b"
    r"|(?<![\w])\d{1,4},? (?:rue|avenue|boulevard|place|chemin) (?:[\w'’-]+ ?){1,5}"
    r"|(?<![\w])(?:calle|via|rua) (?:[\w'’-]+ ){1,5}\d{1,4}\b",
    re.IGNORECASE,
)
# Of an address, one is there: a way after a blank, or a word of other languages. Folded, so without ß.
_WAY = re.compile(rf" (?:{_WAYS}|rue|chemin)\b")
_PLACES = ("strasse ", "str. ", "weg ", "platz ", "gasse ", "allee ", "calle ", "via ", "rua ")
_KEY_STARTS = ("sk", "ak", "pk", "ghp", "xox", "AKIA")
# A cheap look before the dear one: nothing personal is without one of these.
_HINT = re.compile(r"[@\d]|sk-|ak-|pk-|ghp|xox|AKIA")
_STAND_IN = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|ADDRESS|SECRET)_\d+\]")
_LONGEST_STAND_IN = 16
_CLEAN_KEPT = 4096


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _luhn(digits)


def _is_iban(text: str) -> bool:
    plain = re.sub(r"[ -]", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_phone(text: str) -> bool:
    return 8 <= sum(character.isdigit() for character in text) <= 15


def _always(text: str) -> bool:
    return True


def _digits_at_least(least: int) -> Callable[[str], bool]:
    def may_hold(text: str) -> bool:
        # Patterns take the digits of all scripts; where there may be others than these ten they are asked.
        return not text.isascii() or sum(map(text.count, "0123456789")) >= least

    return may_hold


def _may_hold_address(text: str) -> bool:
    folded = text.casefold()
    return any(word in folded for word in _PLACES) or _WAY.search(folded) is not None


class Kind(NamedTuple):
    """A kind of personal data."""

    name: str
    # Says no only where the pattern finds nothing that holds, at a tenth of its cost.
    may_hold: Callable[[str], bool]
    pattern: re.Pattern[str]
    # Whether what was found is what it looks like.
    holds: Callable[[str], bool]


# In this order: what was replaced already is not looked at again.
KINDS = (
    Kind("SECRET", lambda text: any(start in text for start in _KEY_STARTS), _KEY, _always),
    Kind("EMAIL", lambda text: "@" in text, _EMAIL, _always),
    Kind("IBAN", _digits_at_least(3), _IBAN, _is_iban),
    Kind("CARD", _digits_at_least(13), _CARD, _is_card),
    Kind("PHONE", _digits_at_least(8), _PHONE, _is_phone),
    Kind("ADDRESS", _may_hold_address, _ADDRESS, _always),
)


class StandIns:
    """What was replaced in one prompt."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.originals: dict[str, str] = {}
        self._names: dict[tuple[str, str], str] = {}

    def redact(self, text: str) -> str:
        """Return a text with stand-ins."""
        if not _HINT.search(text):
            return text
        for kind in KINDS:
            if kind.may_hold(text):
                text = kind.pattern.sub(partial(self._stand_in, kind), text)
        return text

    def _stand_in(self, kind: Kind, found: re.Match[str]) -> str:
        return self._name(kind.name, found[0]) if kind.holds(found[0]) else found[0]

    def _name(self, kind: str, value: str) -> str:
        name = self._names.get((kind, value))
        if name is None:
            name = f"[{kind}_{len(self._names) + 1}]"
            self._names[(kind, value)] = name
            self.originals[name] = value
        return name


@dataclass(slots=True)
class Restored:
    """Puts originals back into an answer that comes in pieces."""

    originals: dict[str, str]
    held: str = ""

    def feed(self, text: str) -> str:
        """Return what may be passed on; a stand-in that is cut in two waits for its other half."""
        text = self.held + text
        opened = text.rfind("[")
        waits = opened >= 0 and len(text) - opened < _LONGEST_STAND_IN and "]" not in text[opened:]
        self.held = text[opened:] if waits else ""
        return self._whole(text[:opened] if waits else text)

    def end(self) -> str:
        """Return what is still held back."""
        rest, self.held = self._whole(self.held), ""
        return rest

    def call(self, call: ToolCall) -> ToolCall:
        """Return a whole tool call with everything put back. Originals hold no quotes: arguments stay JSON."""
        return replace(call, arguments=self._whole(call.arguments))

    def _whole(self, text: str) -> str:
        return _STAND_IN.sub(lambda found: self.originals.get(found[0], found[0]), text) if "[" in text else text


class PatternRedaction:
    """A `Redaction`: what the patterns find never leaves. An error on the way stops the call, it is not let through.

    Texts in which nothing was found are known again by their hash: instructions come with every call, and looking
    through them each time would cost more than everything else. No text is kept.
    """

    def __init__(self) -> None:
        """Begin knowing none."""
        self._clean: OrderedDict[int, None] = OrderedDict()

    def redact(self, prompt: Prompt) -> tuple[Prompt, Restored | None]:
        """Return the prompt with stand-ins, and what puts the originals back; None when nothing was found."""
        if all(self._is_clean(message.text) and not message.tool_calls for message in prompt.messages):
            return prompt, None
        stand_ins = StandIns()
        messages = [_redacted(message, stand_ins) for message in prompt.messages]
        if not stand_ins.originals:
            return prompt, None
        return replace(prompt, messages=messages), Restored(stand_ins.originals)

    def is_personal(self, prompt: Prompt) -> bool:
        """Return whether a turn of the user holds personal data; the shop's own instructions may name its address."""
        return any(
            message.role in (Role.USER, Role.TOOL) and not self._is_clean(message.text) for message in prompt.messages
        )

    def _is_clean(self, text: str) -> bool:
        if not _HINT.search(text):
            return True
        known = hash(text)
        if known in self._clean:
            self._clean.move_to_end(known)
            return True
        stand_ins = StandIns()
        stand_ins.redact(text)
        if stand_ins.originals:
            return False
        self._clean[known] = None
        if len(self._clean) > _CLEAN_KEPT:
            self._clean.popitem(last=False)
        return True


def _redacted(message: Message, stand_ins: StandIns) -> Message:
    calls = [replace(call, arguments=stand_ins.redact(call.arguments)) for call in message.tool_calls]
    return replace(message, text=stand_ins.redact(message.text), tool_calls=calls)
