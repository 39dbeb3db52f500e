"""What an editor should look at in a product text: claims without a fact behind them, words that are missing."""

import re
from dataclasses import dataclass

from services.product.domain.copy_brief import CopyBrief
from services.product.domain.plain_text import fold, sentences, stem, words

_MATERIAL_TEXT = """
wool merino cashmere alpaca mohair cotton linen silk hemp jute bamboo leather suede sheepskin feather polyester nylon
acrylic viscose elastane fleece denim velvet oak beech walnut pine ash birch teak mahogany maple cherry rattan wicker
cork steel iron aluminium aluminum brass copper bronze silver gold titanium zinc pewter glass crystal ceramic
porcelain stoneware earthenware terracotta clay marble granite slate concrete plastic silicone rubber latex beeswax
soy paraffin carbon kevlar
"""
_MATERIALS = frozenset(_MATERIAL_TEXT.split())
_CLAIMED = (
    "organic|vegan|handmade|hand-made|hand-?woven|hand-?thrown|hand-?knitted|hand-?crafted|fair[- ]trade",
    "recycled|recyclable|biodegradable|sustainabl[ey]|carbon[- ]neutral|climate[- ]neutral",
    "waterproof|water-resistant|windproof|fireproof|machine[- ]washable|dishwasher[- ](?:safe|proof)",
    "microwave[- ]safe|oven[- ](?:safe|proof)|hypoallergenic|antibacterial|non-?toxic|bpa[- ]free|cruelty[- ]free",
    "dermatologically|clinically|certified|patented|award[- ]winning|guaranteed?|warranty|lifetime",
    "wireless|bluetooth|rechargeable|noise[- ]cancell?ing|limited edition|free (?:shipping|delivery|returns?)",
    r"made in [A-Z]\w+|made locally",
)
_CLAIMS = re.compile(rf"\b(?:{'|'.join(_CLAIMED)})\b", re.IGNORECASE)
_SUPERLATIVES = re.compile(
    r"\b(?:the (?:very )?(?:best|finest|greatest|softest|warmest|cheapest|most \w+)|best[- ]in[- ]class|world[- ]class|"
    r"unbeatable|unrivall?ed|unmatched|second to none|number one|no\. ?1|perfect(?:ly)?|ultimate|revolutionary|"
    r"game[- ]chang(?:er|ing)|once in a lifetime|must[- ]have|miracle)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_COUNTED = (
    "year|month|week|day|hour|minute|litre|liter|metre|meter|centimet|gram|kilo|piece|pack|pocket|setting|speed|time"
    "|watt|cup|person|people|layer"
)
_SPELLED = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|fifty|hundred|thousand)\b"
    rf"(?=[ -](?:{_COUNTED}))",
    re.IGNORECASE,
)
_SPELLED_TEXT = """
two three four five six seven eight nine ten eleven twelve
"""
_SPELLED_DIGITS = {word: str(number) for number, word in enumerate(_SPELLED_TEXT.split(), start=2)} | {
    "twenty": "20",
    "thirty": "30",
    "fifty": "50",
    "hundred": "100",
    "thousand": "1000",
}
_MUCH_LONGER = 1.4
_MUCH_SHORTER = 0.6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at, by the name of the rule it breaks."""

    rule: str
    message: str
    excerpt: str = ""


def findings(text: str, brief: CopyBrief) -> list[Finding]:
    """Return what an editor should look at, in the order it stands in the text, whole-text findings last."""
    return [*_unsupported(text, brief), *_superlatives(text, brief), *_keywords(text, brief), *_length(text, brief)]


def _unsupported(text: str, brief: CopyBrief) -> list[Finding]:
    known = brief.known()
    known_words = words(known)
    numbers = {_plain_number(number) for number in _NUMBER.findall(known)}
    numbers |= {_SPELLED_DIGITS[word] for word in known_words if word in _SPELLED_DIGITS}
    known_stems = {stem(part) for word in known_words for part in (word, *word.split("-"))}
    known_text = _joined(known)
    found: list[Finding] = []
    for sentence in sentences(text):
        claims = [number for number in _NUMBER.findall(sentence) if _plain_number(number) not in numbers]
        claims += [number for number in _SPELLED.findall(sentence) if _SPELLED_DIGITS[number.lower()] not in numbers]
        named = (part for word in words(sentence) for part in word.split("-"))
        claims += [part for part in named if stem(part) in _MATERIAL_STEMS and stem(part) not in known_stems]
        claims += [claim for claim in _CLAIMS.findall(sentence) if _joined(claim) not in known_text]
        found += [_claim(claim, sentence) for claim in claims]
    return list(dict.fromkeys(found))


def _claim(what: str, sentence: str) -> Finding:
    return Finding("UNSUPPORTED_CLAIM", f"“{what}” is not among the product's facts.", sentence)


def _superlatives(text: str, brief: CopyBrief) -> list[Finding]:
    allowed = fold(f"{brief.title} {' '.join(brief.keywords)}")
    return [
        Finding("BANNED_SUPERLATIVE", f"“{match.group()}” promises more than anybody can show.", match.group())
        for match in _SUPERLATIVES.finditer(text)
        if fold(match.group()) not in allowed
    ]


def _keywords(text: str, brief: CopyBrief) -> list[Finding]:
    told = " ".join(map(stem, words(text)))
    return [
        Finding("MISSING_KEYWORD", f"The keyword “{keyword}” does not appear.", keyword)
        for keyword in brief.keywords
        if f" {' '.join(map(stem, words(keyword)))} " not in f" {told} "
    ]


def _length(text: str, brief: CopyBrief) -> list[Finding]:
    count = len(text.split())
    if count > brief.target_words * _MUCH_LONGER:
        return [Finding("TOO_LONG", f"The text has {count} words; about {brief.target_words} were wanted.")]
    if count < brief.target_words * _MUCH_SHORTER:
        return [Finding("TOO_SHORT", f"The text has {count} words; about {brief.target_words} were wanted.")]
    return []


def _plain_number(number: str) -> str:
    """Return a number without separators, so that 1,200 is 1200 and 2,5 is 2.5."""
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", number):
        return re.sub(r"[.,]", "", number)
    return number.replace(",", ".")


def _joined(text: str) -> str:
    return re.sub(r"[\s-]+", "", fold(text))


_MATERIAL_STEMS = frozenset(map(stem, _MATERIALS))
