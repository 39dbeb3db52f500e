"""Questions that lean on the one before: made to stand alone before anything is searched."""

import re
from collections.abc import Sequence

from services.chat.domain.text import terms, words

# How far back a chain of follow-ups is followed.
_CHAIN = 3
_LEADS_ON = re.compile(
    r"^(?:and|or|but|also|plus|what\s+about|how\s+about|what\s+if|what\s+of|same\s+for|does\s+that|is\s+that|are\s+those|"
    r"and\s+if|so|then|even|only|not|in|with|for|to|from|which\s+(?:one|ones))\b",
    re.I,
)
_POINTS_BACK = re.compile(r"\b(?:it|that|this|those|these|they|them|one|ones|there|then|such|the same|too)\b", re.I)
# A question of its own even when it is short and says "it".
_FEW_TERMS = 2
_SHORT = 9


def leans_on_previous(text: str) -> bool:
    """Return whether a question makes sense only after the one before it."""
    spoken, about = words(text), terms(text)
    if len(spoken) > _SHORT:
        return False
    if _LEADS_ON.match(text.strip()):
        return len(about) <= _FEW_TERMS + 1
    if _POINTS_BACK.search(text):
        return len(about) <= _FEW_TERMS
    return not about and len(spoken) <= 5


def standalone(text: str, earlier: Sequence[str]) -> str:
    """Return the question joined with the earlier ones it leans on (oldest first in `earlier`)."""
    parts = [text.strip()]
    for before in reversed(earlier[-_CHAIN:]):
        if not leans_on_previous(parts[0]):
            break
        parts.insert(0, before.strip())
    return " ".join(parts)


def refines(text: str) -> bool:
    """Return whether a text only adds to a wish: "and in blue?", "what about something smaller"."""
    return leans_on_previous(text) and bool(_LEADS_ON.match(text.strip()))


def about_the_product(text: str) -> bool:
    """Return whether a question points at the thing the shopper looks at."""
    return bool(re.search(r"\b(?:it|its|this|these|they|them|their|that|those|one|the product|the item)\b", text, re.I))
