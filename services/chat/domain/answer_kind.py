"""What kind of answer a question expects, and how far a sentence is an answer of that kind: a time, a price, steps."""

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto

from services.chat.domain.text import Sentence, stem, terms


class Kind(Enum):
    """Kinds of answers that can be told by their form."""

    DEADLINE = auto()
    DURATION = auto()
    MOMENT = auto()
    AMOUNT = auto()
    YES_NO = auto()
    LIST = auto()
    STEPS = auto()
    PLACE = auto()


# Where a question may begin inside a text: "it came late, do I get the fee back?".
_BEGINS = r"(?:^|[,;:.!?]\s*|\b(?:and|so|or|but|then|please|hi|hello)\s+)"
_DEADLINE = re.compile(
    r"\bhow\s+(?:long|many\s+(?:days|weeks|months)|much\s+time)\s+(?:do|have|can|may|should|must)\s+(?:i|we)\b"
    r"|\b(?:until|till|by|before)\s+(?:when|what\s+(?:time|date|day))\b|\bdeadline\b|\bhow\s+late\b|\bat\s+the\s+latest\b"
    r"|\bhow\s+long\b.*\b(?:valid|expires?|good\s+for)\b"
)
_DURATION = re.compile(
    r"\bhow\s+(?:long|soon|fast|quick(?:ly)?|often)\b|\bhow\s+many\s+(?:working\s+)?(?:minutes|hours|days|weeks|months|years)\b"
)
_MOMENT = re.compile(
    rf"{_BEGINS}when\s+(?:do|does|will|is|are|can|could|would|did|should|must)\b|\b(?:what|which)\s+(?:time|day|date)s?\b"
    r"|\bopening\s+(?:times|hours)\b|\bare\s+you\s+(?:open|closed)\b"
)
_AMOUNT = re.compile(
    r"\bhow\s+(?:much|expensive)\b(?!\s+time)|\bcosts?\b|\b(?:what|which)\b.*\b(?:prices?|fees?|charges?)\b|\bwhat\s+do\s+i\s+pay\b"
)
_YES_NO = re.compile(
    rf"{_BEGINS}(?:can|could|may|must|should|will|would|do|does|did|is|are|am)\s+"
    r"(?:i|we|you|it|they|he|she|there|my|your|the|a|an|this|that|these|those|\w+s)\b"
)
_LIST = re.compile(
    r"\b(?:which|what)\s+(?:\w+\s+){0,2}?(?!is\b|was\b|does\b)\w+s\s+(?:do|does|are|can|may|will)\b"
    r"|\bwhat\s+(?:kinds?|sorts?|types?)\s+of\b|\bwhat\s+(?:do|can)\s+(?:you|i)\s+(?:accept|take|offer|mend|repair|sell)\b"
)
_STEPS = re.compile(
    r"\bhow\s+(?:do|can|could|should|must|would)\s+(?:i|we|one)\b|\bhow\s+to\b|\bwhat\s+(?:do|should|must|can)\s+i\s+do\b|\bwhat\s+now\b"
)
_PLACE = re.compile(rf"{_BEGINS}where\b")
_ASKED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.DEADLINE, _DEADLINE),
    (Kind.DURATION, _DURATION),
    (Kind.MOMENT, _MOMENT),
    (Kind.AMOUNT, _AMOUNT),
    (Kind.YES_NO, _YES_NO),
    (Kind.LIST, _LIST),
    (Kind.STEPS, _STEPS),
    (Kind.PLACE, _PLACE),
)
# Headings announce the kind of what stands below them.
_ANNOUNCED: tuple[tuple[re.Pattern[str], frozenset[Kind]], ...] = (
    (re.compile(r"\bhow\s+long\b|\bin\s+the\s+first\b"), frozenset({Kind.DEADLINE, Kind.DURATION})),
    (re.compile(r"\bwhen\b|\btimes?\b|\bhours\b|\bclock\b"), frozenset({Kind.MOMENT, Kind.DURATION})),
    (re.compile(r"\bcosts?\b|\bprices?\b|\bfees?\b|\bfree\b"), frozenset({Kind.AMOUNT})),
    (re.compile(r"\bhow\s+(?:to|it\s+works)\b|\bsteps?\b|\bwhat\s+to\s+do\b"), frozenset({Kind.STEPS})),
    (re.compile(r"\b(?:what|who)\s+(?:can|cannot|may|we)\b"), frozenset({Kind.YES_NO})),
    (re.compile(r"\bwhere\b"), frozenset({Kind.PLACE})),
)
_HEADING = 0.3
# Words that ask for a kind of answer and name nothing.
FORM_WORDS = frozenset({"long", "often", "late", "many"})
# "Do you …" and "which … do you …" are taken up by "we …" with the same verb.
_TAKEN_UP = frozenset({Kind.YES_NO, Kind.LIST})
_DIRECT = 0.4
# Kinds whose answers differ between the usual and the special case.
_MEASURED = frozenset({Kind.DEADLINE, Kind.DURATION, Kind.MOMENT, Kind.AMOUNT})

_NUMBER = (
    r"(?:\d+|an?|few|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fourteen|fifteen|twenty|thirty|sixty"
    r"|ninety)"
)
_QUALIFIED = r"(?:\s*(?:–|-|to|or|and)\s*" + _NUMBER + r")?\s+(?:more\s+|full\s+|working\s+|business\s+|calendar\s+)*"
_SPAN = re.compile(rf"\b{_NUMBER}{_QUALIFIED}(?:minute|hour|day|week|month|year)s?\b", re.I)
_LONG_SPAN = re.compile(rf"\b{_NUMBER}{_QUALIFIED}(?:day|week|month|year)s?\b", re.I)
_MONTHS = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = re.compile(
    rf"\b\d{{1,2}}(?::|\.)\d{{2}}\b(?!\s*(?:EUR|€))|\b\d{{1,2}}\s+{_MONTHS}\b"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b"
)
_BOUND = re.compile(
    r"\b(?:within|until|up\s+to|no\s+later|at\s+any\s+time|before|valid|you\s+have|counted\s+from|from\s+(?:delivery|the\s+day)"
    r"|expires?|keep|stays?|waits?)\b",
    re.I,
)
_OURS = re.compile(
    r"\b(?:we|our\s+\w+|it|refund|parcel)\s+(?:\w+\s+){0,3}?(?:refund|send|sent|check|answer|reply|needs?|takes?)\w*\b",
    re.I,
)
_TAKES = re.compile(
    r"\b(?:takes?|needs?|lasts?|within|arrives?|on\s+average|for|waits?|stays?|every|once|twice|covered)\b", re.I
)
_CLAUSE = re.compile(r"\b(?:as\s+soon\s+as|when|once|after|before|same\s+day|next\s+working\s+day|until)\b", re.I)
_MONEY = re.compile(r"(?:[€$£]\s*\d|\d\s*(?:[€$£]|EUR\b|euros?\b|USD\b|GBP\b|CHF\b))", re.I)
_FREE = re.compile(r"\b(?:free|no\s+(?:extra\s+)?(?:cost|charge)|nothing)\b|\d\s*(?:%|percent)", re.I)
_MODAL = re.compile(
    r"\b(?:can|cannot|can't|may|must|unless|only|allowed|possible|welcome|accepted|not|never|yes|no|free|fine)\b", re.I
)
_SUBJECT = re.compile(
    r"\b(?:we|you|(?:can|cannot|may|must)(?:\s+not)?\s+be|(?:can|cannot|may|must))\s+"
    r"(?:(?:do\s+not|don't|cannot|can|may|only|also|always|never|not)\s+)*(\w+)",
    re.I,
)
_IMPERATIVE_WORDS = """
add allow ask book bring brush buy call change check choose click collect confirm connect copy cream cut describe do
download dry enter fill find fold follow forward freeze give go hang keep leave let log look mark measure note oil open
order pack pay pick place please press print put register remove replace report reset rest rinse rub save scan select
send show sign soak start store switch take tap tell tick trim try turn type upload use visit wash wax wipe write
"""
_IMPERATIVES = frozenset(_IMPERATIVE_WORDS.split())
_FOLLOWED = re.compile(r"(?::|,\s*then|\bor|\band)\s+([a-z]+)")
_PLACED = re.compile(
    r"\b(?:in|at|under|on|from|to)\s+(?:(?:the|your|our|any|every|all)\s+)*"
    r"(?:[A-Z]\w+|account|basket|page|menu|footer|stores?|shops?|till|link|top|warehouse|checkout|pickup)\b"
)
_USUAL = re.compile(r"\b(?:standard|usual(?:ly)?|normal(?:ly)?|generally|everything)\b", re.I)
_ITEMS = re.compile(r",\s*(?:and|or)?\s*|\s+(?:and|or)\s+")


def kinds_of(question: str) -> frozenset[Kind]:
    """Return the kinds of answers a question expects; none when its form does not tell."""
    asked = " ".join(question.lower().replace("'", "").replace("’", "").split())
    found = {kind for kind, pattern in _ASKED if pattern.search(asked)}
    if Kind.DEADLINE in found:
        # "How long do I have" is no question of how long something takes.
        found -= {Kind.DURATION, Kind.MOMENT}
    if found - {Kind.YES_NO}:
        # "Will you refund me, and when": whoever asks for more than yes or no wants the more.
        found -= {Kind.YES_NO}
    return frozenset(found)


def fit(kinds: frozenset[Kind], question_terms: frozenset[str], sentence: Sentence, title: str = "") -> float:
    """Return how far a sentence is an answer of one of the kinds, 0 to 1; `title` heads a sentence without section."""
    if not kinds:
        return 0.0
    heading = (sentence.section or title).lower()
    announced = any(pattern.search(heading) and kinds & meant for pattern, meant in _ANNOUNCED)
    body = max(_FORMS[kind](sentence) for kind in kinds)
    direct = _DIRECT * _taken_up(kinds, question_terms, sentence, heading if announced else "")
    return min(1.0, body + (_HEADING if announced else 0.0) + direct)


def usual(kinds: frozenset[Kind], sentence: Sentence) -> bool:
    """Return whether a sentence says what a thing usually takes or costs: to whoever asks for no special case."""
    return bool(kinds & _MEASURED) and bool(_USUAL.search(f"{sentence.section} {sentence.text}"))


def _deadline(sentence: Sentence) -> float:
    text = sentence.text
    if not (_LONG_SPAN.search(text) or _DATE.search(text)):
        return 0.0
    if _OURS.search(text):
        # What we do within some days is no time the asker has.
        return 0.2
    return 1.0 if _BOUND.search(text) else 0.5


def _duration(sentence: Sentence) -> float:
    if not _SPAN.search(sentence.text):
        return 0.0
    return 1.0 if _TAKES.search(sentence.text) else 0.7


def _moment(sentence: Sentence) -> float:
    if _SPAN.search(sentence.text) or _DATE.search(sentence.text):
        return 1.0
    return 0.5 if _CLAUSE.search(sentence.text) else 0.0


def _amount(sentence: Sentence) -> float:
    if _MONEY.search(sentence.text):
        return 1.0
    return 0.5 if _FREE.search(sentence.text) else 0.0


def _yes_no(sentence: Sentence) -> float:
    """Many a sentence allows or forbids something: alone that says little."""
    return 0.2 if _MODAL.search(sentence.text) else 0.0


def _taken_up(kinds: frozenset[Kind], question_terms: frozenset[str], sentence: Sentence, announcing: str) -> float:
    """Return how far a sentence takes the question up: "do you ship", "we deliver"; "is wool washed", "wool is …"."""
    if not kinds & _TAKEN_UP:
        return 0.0
    subject = any(stem(verb.lower()) in question_terms for verb in _SUBJECT.findall(sentence.text))
    if Kind.YES_NO not in kinds:
        return float(subject)
    # A heading that names what is asked, "What can come back", speaks for what stands below it.
    subject = subject or bool(question_terms & frozenset(terms(announcing)))
    whole = len(question_terms) > 1 and question_terms <= frozenset(terms(sentence.text))
    return 1.5 if subject and whole else float(subject or whole)


def _list(sentence: Sentence) -> float:
    if sentence.marker or sentence.lead >= 0:
        return 1.0
    items = len([item for item in _ITEMS.split(sentence.text) if item.strip()])
    return 1.0 if items >= 4 else 0.8 if items == 3 else 0.0


def _steps(sentence: Sentence) -> float:
    if sentence.marker[:1].isdigit():
        return 1.0
    first = sentence.text.split(" ", 1)[0].lower().strip(",.:")
    if first in _IMPERATIVES:
        return 1.0
    return 0.5 if any(word in _IMPERATIVES for word in _FOLLOWED.findall(sentence.text)) else 0.0


def _place(sentence: Sentence) -> float:
    return 1.0 if _PLACED.search(sentence.text) else 0.0


_FORMS: Mapping[Kind, Callable[[Sentence], float]] = {
    Kind.DEADLINE: _deadline,
    Kind.DURATION: _duration,
    Kind.MOMENT: _moment,
    Kind.AMOUNT: _amount,
    Kind.YES_NO: _yes_no,
    Kind.LIST: _list,
    Kind.STEPS: _steps,
    Kind.PLACE: _place,
}
