"""What a shopper wants: help, a product, something about the product they look at, or only to say hello."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from services.chat.domain.budget import NO_BUDGET, Budget, read_budget
from services.chat.domain.text import stem, terms, words


class Intent(Enum):
    """Kinds of questions."""

    GREETING = auto()
    THANKS = auto()
    GOODBYE = auto()
    WHO_ARE_YOU = auto()
    WISH = auto()
    SUPPORT = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text was taken for. Unsure readings are settled by what is found."""

    intent: Intent
    # The wish in the words to search for; empty for other intents.
    wish: str = ""
    budget: Budget = NO_BUDGET
    sure: bool = True
    # "Cheaper ones?": below what was shown before.
    cheaper: bool = False


_GREETING = re.compile(
    r"^(?:hi+|hey+|hello+|hallo|howdy|hiya|good\s+(?:morning|afternoon|evening|day)|greetings)"
    r"(?:\s+(?:there|you|all|team|everyone))?(?:\s+how\s+are\s+you(?:\s+(?:today|doing))?)?$"
)
_THANKS = re.compile(
    r"^(?:(?:ok(?:ay)?|great|perfect|super|cool|nice|lovely|awesome|wonderful|brilliant)\s+)*"
    r"(?:thank\s*(?:s|you)|thx|ty|cheers|much appreciated|many thanks)\b(?:\s+\w+){0,5}$"
    r"|^(?:ok(?:ay)?|great|perfect|super|cool|nice|lovely|awesome|wonderful|brilliant|got it|that helps)$"
)
_GOODBYE = re.compile(
    r"^(?:ok(?:ay)?\s+)?(?:bye+|goodbye|bye bye|see you|good night|have a (?:nice|good) \w+)(?:\s+\w+){0,2}$"
)
_WHO = re.compile(
    r"^(?:who|what) (?:are|r) you$|^are you (?:a )?(?:real|human|bot|robot|ai|person|machine)\b"
    r"|^am i (?:talking|chatting|speaking)"
    r"|^what can you (?:do|help)|^how can you help|^what (?:is|s) your name|^whats your name|^help(?: me)?(?: please)?$"
)
_OPENING = re.compile(r"^(?:hi|hey|hello|good\s+(?:morning|afternoon|evening))(?:\s+there)?[\s,!.]+(?=\S)", re.I)

# "I am looking for …": the rest is the wish.
_ASKS = re.compile(
    r"^(?:(?:can|could|would|will)\s+you\s+)?(?:please\s+)?(?:"
    r"show\s+me|find\s+me|find|recommend(?:\s+me)?|suggest(?:\s+me)?|help\s+me\s+(?:find|choose|pick)|"
    r"i(?:\s+a)?m\s+(?:looking|searching|shopping)\s+for|looking\s+for|searching\s+for|"
    r"i(?:\s+woul)?d\s+like\s+to\s+(?:buy|see)|i\s+(?:want|need|would\s+like)\s+to\s+(?:buy|see)|"
    r"what\s+(?:would|do|can)\s+you\s+(?:recommend|suggest)|"
    r"what\s+should\s+i\s+(?:get|buy|give)|any\s+(?:ideas?|suggestions?|recommendations?)"
    r")\b(?:\s+(?:for|to|of))?\s*",
    re.I,
)
# "Do you have …": may be about goods or about the house's ways.
_ASKS_SOFTLY = re.compile(
    r"^(?:do\s+you\s+(?:have|sell|stock|carry|offer)|have\s+you\s+got|got\s+any|are\s+there|is\s+there|i\s+(?:need|want)|"
    r"i(?:\s+woul)?d\s+like|id\s+like|any)\b\s*",
    re.I,
)
_WHICH = re.compile(r"^(?:which|what)\s+(.+?)\s+(?:would|do|can)\s+you\s+(?:recommend|suggest)\b(.*)$", re.I)
_GIFT = re.compile(
    r"\b(?:gifts?|presents?|something|anything|ideas?)\s+(?:\w+\s+)?(?:for|to|under|below|around|that|which)\b", re.I
)
_FILLER = re.compile(r"^(?:(?:me|a|an|the|some|any|your|good|nice|of|pair|for)\s+)+", re.I)
_CHEAPER = re.compile(r"\b(?:cheaper|less\s+expensive|lower\s+price|more\s+affordable|too\s+expensive)\b", re.I)
# Words of the house's own ways: a text with one of them asks for help, not for goods.
_HOUSE_WORDS = """
return refund exchang cancel deliver track warranty guarante invoic receipt pay payment account password login
order packag voucher newsletter privacy data complain complaint cooki giftcard custom duty tax vat address email
phon faulty los wrong hour open shop career subscript unsubscrib contact support human agent polic refer loyalty
point klarna paypal card credit appl visa billing bill wrap wrapp fix delet repay chargeback stolen fraud
"""
_HOUSE = frozenset(stem(word) for word in _HOUSE_WORDS.split())
_QUESTION_WORDS = "who what when where why how which whose is are was were will does did can could would should do"
_QUESTION = frozenset(_QUESTION_WORDS.split())


def read_intent(text: str, wished_before: bool = False) -> Reading:
    """Return what a text asks for. `wished_before`: the last answer showed products."""
    bare = " ".join(words(text))
    for intent, pattern in (
        (Intent.GREETING, _GREETING),
        (Intent.THANKS, _THANKS),
        (Intent.GOODBYE, _GOODBYE),
        (Intent.WHO_ARE_YOU, _WHO),
    ):
        if pattern.match(bare):
            return Reading(intent)
    return _wish_or_support(_OPENING.sub("", text).strip(), wished_before)


def _wish_or_support(text: str, wished_before: bool) -> Reading:
    priced = read_budget(text)
    about = set(terms(priced.text))
    plain = text.replace("'", " ").replace("’", " ")
    asked = _ASKS.match(plain) or _WHICH.match(plain)
    house = bool(about & _HOUSE)
    cheaper = wished_before and bool(_CHEAPER.search(text))
    wish = wish_of(priced.text)
    if cheaper:
        return Reading(Intent.WISH, wish, priced.budget, cheaper=True)
    if (asked or _GIFT.search(plain)) and not house:
        return Reading(Intent.WISH, wish, priced.budget)
    if priced.budget and not house and terms(wish):
        return Reading(Intent.WISH, wish, priced.budget)
    if _ASKS_SOFTLY.match(plain) or asked or _is_noun_phrase(text):
        return Reading(Intent.SUPPORT, wish, priced.budget, sure=False)
    return Reading(Intent.SUPPORT)


def about_the_house(text: str) -> bool:
    """Return whether a text speaks of the shop's own ways: orders, returns, payment, the account."""
    return bool(_HOUSE & set(terms(text)))


def wish_of(text: str) -> str:
    """Return the words to search the catalogue for: the text without its way of asking."""
    rest = text.replace("'", " ").replace("’", " ").strip(" ?!.,")
    rest = _WHICH.sub(r"\1\2", rest)
    rest = _ASKS_SOFTLY.sub("", _ASKS.sub("", rest, count=1), count=1)
    rest = re.sub(r"\b(?:for|at|of|priced)\s*$", "", _CHEAPER.sub(" ", rest).strip(" ?!.,"), flags=re.I)
    rest = re.sub(r"^(?:and|or|but|also|maybe|what about|how about)\b\s*", "", rest.strip(), flags=re.I)
    return " ".join(_FILLER.sub("", rest).strip(" ?!.,").split())


def _is_noun_phrase(text: str) -> bool:
    """Return whether a text is a few words that ask nothing: "wool blanket", "espresso machine"."""
    spoken = words(text)
    return 0 < len(spoken) <= 5 and "?" not in text and not _QUESTION & set(spoken)
