"""What reviewers say about single aspects, read clause by clause with a small lexicon of our own.

A clause counts when it names an aspect and judges it. What is not judged is left out rather than guessed, and every
quote is a sentence somebody wrote.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from services.product.domain.plain_text import sentences, stem, words
from services.product.domain.review import AspectSummary, Mention

MOST_ASPECTS = 8

_NAMES: Mapping[str, str] = {
    "fit": "fit fitting fits snug true-to-size cut tailored",
    "size": "size sizing sized dimension length width roomy spacious compact bulky tiny",
    "warmth": "warm warmth warmer warmest toasty cosy cozy chilly insulation insulated",
    "comfort": "comfort comfortable comfy uncomfortable cushion cushioned soft softer softness itchy "
    "scratchy ergonomic",
    "quality": "quality build well-made sturdy durable durability flimsy stitching craftsmanship workmanship solid "
    "broke broken breaks robust seam",
    "finish": "finish finished glaze polish polished paint coating varnish colour color shade look looking beautiful "
    "gorgeous",
    "sound": "sound audio bass treble volume speaker noise noisy loud tinny",
    "battery": "battery charge charging charger recharge",
    "picture": "picture screen display image resolution photo camera lens",
    "ease of use": "easy easily simple intuitive setup set-up instruction manual assemble assembly install "
    "confusing complicated fiddly menu interface software",
    "value": "value price priced money cheap expensive overpriced bargain worth affordable pricey cost",
    "delivery": "delivery delivered shipping shipped arrived arrive parcel packaging packaged packed courier",
    "scent": "scent smell fragrance odour odor smelly",
    "taste": "taste flavour flavor tasty delicious bland aroma",
    "cleaning": "clean cleaning wash washed washing dishwasher stain",
    "service": "service support refund seller replacement staff",
}  # fmt: skip
_GOOD_TEXT = """
good great excellent amazing awesome perfect perfectly love loved lovely like nice nicely best better wonderful
fantastic superb brilliant beautiful beautifully gorgeous comfortable comfy cosy cozy toasty snug soft softer sturdy
solid durable robust well-made easy easily simple intuitive smooth smoothly quick quickly fast prompt promptly happy
pleased impressed impressive recommend reliable generous crisp clear rich bargain affordable worth delicious tasty
fresh bright light lightweight compact roomy spacious warm warmer true-to-size fair reasonable ideal exactly superior
outstanding neat handy pleasant quiet secure well sharp vivid strong elegant stylish safely carefully enjoy enjoyed
"""
_GOOD = _GOOD_TEXT.split()  # fmt: skip
_BAD_TEXT = """
bad poor poorly terrible awful horrible worst worse disappointing disappointed disappointment hate hated flimsy
cheaply broke broken breaks break cracked crack fail failed fails failure faulty defective useless uncomfortable itchy
scratchy rough cold chilly tight loose noisy tinny weak slow slowly late difficult hard confusing complicated fiddly
overpriced expensive pricey bland smelly stiff thin heavy bulky tiny dull blurry fuzzy grainy faded fade fades shrank
shrunk leak leaks leaked scratched scratch damaged damage dented missing wrong annoying waste return returned refund
problem problems issue issues unreliable stopped dies died dead frustrating unclear missing unravelled ripped tore
torn peeling peeled wobbly misleading mediocre
"""
_BAD = _BAD_TEXT.split()  # fmt: skip
# Words that judge only together with what stands before them.
_PHRASES = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), weight)
    for weight, pattern in (
        (-2, "too (?:small|big|large|short|long|tight|loose|thin|thick|loud|quiet|heavy|light|soft|hard)"),
        (-2, "too (?:warm|hot|bright|dark|sweet|strong|slow|complicated|expensive)"),
        (-2, "(?:runs?|running|came up|comes up) (?:a (?:bit|little) )?(?:very )?(?:small|large|big|narrow|wide)"),
        (2, "fits? (?:like a glove|perfectly|well|great|nicely|beautifully)"),
        (
            2,
            r"(?:lasts?|lasted|holds?) (?:a |very |really |so )?(?:long|all day|up|for (?:days|hours|weeks|years))",
        ),
        (-2, "(?:falls?|fell|came|coming|comes) (?:apart|off|undone)"),
        (2, r"(?:keeps?|kept) (?:(?:me|us|them|him|her|my \w+|our \w+) )?(?:so |very )?(?:warm|toasty|cosy)"),
        (-2, "could (?:be|have been) (?:better|bigger|longer|louder|warmer|softer|clearer|cheaper)"),
    )
)
_ASPECT_PHRASES = (
    (re.compile(r"\b(?:runs?|running|comes? up|came up) (?:\w+ ){0,3}(?:small|large|big|narrow|wide)\b"), "fit"),
    (re.compile(r"\btoo (?:small|big|large|short|long)\b"), "size"),
    (re.compile(r"\btoo (?:tight|loose)\b"), "fit"),
    (re.compile(r"\b(?:falls?|fell|came|coming|comes) apart\b"), "quality"),
    (re.compile(r"\bkeeps? (?:\w+ ){0,3}(?:warm|toasty|cosy)\b"), "warmth"),
)
_NEGATION_TEXT = """
not no never none nothing hardly barely isn't wasn't aren't weren't don't doesn't didn't can't cannot couldn't won't
wouldn't isnt wasnt dont doesnt didnt cant wont without lacks lacked lacking
"""
_NEGATIONS = frozenset(_NEGATION_TEXT.split())
_CLAUSE_END = re.compile(
    r"[;:–—]|,\s+(?=and the|the|it)|\b(?:but|although|though|however|yet|whereas|while)\b",
)
_REACH = 3

_GOOD_STEMS = frozenset(stem(word) for word in _GOOD)
_BAD_STEMS = frozenset(stem(word) for word in _BAD)
_ASPECT_OF = {stem(word): aspect for aspect, named in _NAMES.items() for word in named.split()}
_QUOTE_LENGTH = range(15, 241)


def mentions(text: str) -> list[Mention]:
    """Return what a review says about aspects, at most one mention an aspect."""
    polarity: dict[str, int] = defaultdict(int)
    spoken: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for sentence in sentences(text):
        for clause in _CLAUSE_END.split(sentence.replace("’", "'")):
            judged = _polarity(clause)
            if not judged:
                continue
            for aspect in _aspects(clause):
                polarity[aspect] += judged
                spoken[aspect].append((judged, sentence))
    return [
        Mention(aspect, _bounded(total), _telling(spoken[aspect], total)) for aspect, total in polarity.items() if total
    ]


def summaries(found: Iterable[tuple[str, Mention]]) -> list[AspectSummary]:
    """Return what all reviews of a product say, most mentioned first; `found` pairs review ids with mentions."""
    by_aspect: dict[str, list[tuple[str, Mention]]] = defaultdict(list)
    for review_id, mention in found:
        by_aspect[mention.aspect].append((review_id, mention))
    made = [_summary(aspect, said) for aspect, said in by_aspect.items()]
    made.sort(key=lambda item: (-(item.positive_count + item.negative_count), item.aspect))
    return made[:MOST_ASPECTS]


def _summary(aspect: str, said: list[tuple[str, Mention]]) -> AspectSummary:
    positive = sum(1 for _, mention in said if mention.polarity > 0)
    negative = len(said) - positive
    sign = 1 if positive >= negative else -1
    candidates = [(review_id, mention) for review_id, mention in said if mention.polarity * sign > 0]
    review_id, best = max(candidates, key=lambda item: (_worth_quoting(item[1]), item[0]))
    return AspectSummary(aspect, positive, negative, best.sentence, review_id)


def _worth_quoting(mention: Mention) -> tuple[bool, int, int]:
    """Prefer sentences of a readable length, then strong ones, then short ones."""
    return len(mention.sentence) in _QUOTE_LENGTH, abs(mention.polarity), -abs(len(mention.sentence) - 80)


def _aspects(clause: str) -> set[str]:
    found = {_ASPECT_OF[stem(word)] for word in words(clause) if stem(word) in _ASPECT_OF}
    lowered = clause.lower()
    return found | {aspect for phrase, aspect in _ASPECT_PHRASES if phrase.search(lowered)}


def _polarity(clause: str) -> int:
    lowered = clause.lower()
    told = words(clause)
    total = 0
    for phrase, weight in _PHRASES:
        found = phrase.search(lowered)
        if found:
            total += -weight if _negated(words(lowered[: found.start()])) else weight
            lowered = lowered[: found.start()] + " " + lowered[found.end() :]
            told = words(lowered)
    for place, word in enumerate(told):
        value = (stem(word) in _GOOD_STEMS) - (stem(word) in _BAD_STEMS)
        if value:
            total += -value if _negated(told[:place]) else value
    return total


def _negated(before: list[str]) -> bool:
    return sum(word in _NEGATIONS for word in before[-_REACH:]) % 2 == 1


def _bounded(total: int) -> int:
    return max(-3, min(3, total))


def _telling(spoken: list[tuple[int, str]], total: int) -> str:
    """Return the sentence that says it most clearly, in the direction of the whole."""
    sign = 1 if total > 0 else -1
    return max(spoken, key=lambda item: (item[0] * sign, -len(item[1])))[1]
