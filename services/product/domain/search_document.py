"""The text a product is found by: words for BM25, and a short passage for the vector."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.product.domain.product import Product

# About 120 tokens of a word-piece model: what one vector can hold, and what keeps imports fast.
PASSAGE_WORDS = 75
_PASSAGE_CHARACTERS = 450
_DESCRIPTION_WORDS = 45
_KEY_ATTRIBUTES = 8
# The index takes 65,535 bytes; four bytes a character at the most.
_TEXT_CHARACTERS = 16_000
_HEADING_CHARACTERS = 1_500

_CODES = """
sku ean gtin upc isbn asin mpn model model_number part_number article_number item_number name code
"""
_CODE_NAMES = frozenset(_CODES.split())
# What a thing is says more than how it is packed; these names come first in the passage.
_KEY_NAMES = (
    "type", "product type", "kind", "style", "material", "colour", "color", "product colour", "size", "fit", "use",
    "room", "season", "pattern", "features", "compatibility", "connectivity", "capacity", "power", "scent", "flavour",
)  # fmt: skip
_EMPTY_VALUES = frozenset({"", "no", "n", "false", "none", "not supported", "not available", "n/a", "0"})
_AFFIRMED = frozenset({"yes", "y", "true"})


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """What the index holds of a product's text."""

    # Title, brand, kind and codes: words here weigh more.
    heading: str
    # Everything that can be searched by words.
    text: str
    # What is embedded.
    passage: str

    @property
    def words_hash(self) -> str:
        """Return a fingerprint of what is searched by words."""
        return _hash(f"{self.heading}\x1f{self.text}")

    @property
    def passage_hash(self) -> str:
        """Return a fingerprint of what is embedded: while it stays, the vector stays."""
        return _hash(self.passage)


def search_document(product: Product, category_title: str) -> SearchDocument:
    """Return the texts of a product. Price and stock are not in it: they change without a new vector."""
    codes = product_codes(product)
    spoken = _spoken_attributes(product.attributes)
    heading = " ".join(part for part in (product.title, product.brand, category_title, *codes) if part)
    text = "\n".join(
        part
        for part in (
            product.title,
            product.subtitle,
            product.brand,
            category_title,
            " ".join(product.tags),
            ". ".join(spoken),
            " ".join(codes),
            product.description,
        )
        if part
    )
    return SearchDocument(heading[:_HEADING_CHARACTERS], text[:_TEXT_CHARACTERS], _passage(product, category_title))


def product_codes(product: Product) -> tuple[str, ...]:
    """Return the codes by which those who know it ask for it: article numbers, model names, its id."""
    named = (
        value
        for name, value in product.attributes.items()
        if name.lower().replace(" ", "_").replace("-", "_") in _CODE_NAMES and len(value) <= 60
    )
    return tuple(dict.fromkeys((*named, product.id)))


def _passage(product: Product, category_title: str) -> str:
    opening = ". ".join(part for part in (product.title, product.subtitle, category_title) if part)
    facts = ", ".join(_key_facts(product.attributes))
    description = " ".join(product.description.split()[:_DESCRIPTION_WORDS])
    whole = ". ".join(part for part in (opening, facts, " ".join(product.tags[:8]), description) if part)
    return " ".join(whole.split()[:PASSAGE_WORDS])[:_PASSAGE_CHARACTERS]


def _key_facts(attributes: Mapping[str, str]) -> list[str]:
    by_name = {name.lower(): value for name, value in attributes.items()}
    known = [by_name[name] for name in _KEY_NAMES if name in by_name]
    others = [value for name, value in by_name.items() if name not in _KEY_NAMES and _is_wordy(name, value)]
    told = (value for value in (*known, *others) if value.lower() not in _EMPTY_VALUES | _AFFIRMED)
    return [" ".join(value.split()[:6]) for value in told][:_KEY_ATTRIBUTES]


def _is_wordy(name: str, value: str) -> bool:
    """Return whether a value tells a reader something by itself: numbers and codes do not."""
    return name.replace(" ", "_") not in _CODE_NAMES and len(value) > 3 and not re.search(r"\d", value)


def _spoken_attributes(attributes: Mapping[str, str]) -> list[str]:
    """Return attributes as words: `Material: wool` is "Material wool", `Bluetooth: yes` is "Bluetooth"."""
    spoken = []
    for name, value in attributes.items():
        if value.lower() in _AFFIRMED:
            spoken.append(name)
        elif value.lower() not in _EMPTY_VALUES:
            spoken.append(f"{name} {value}")
    return spoken


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
