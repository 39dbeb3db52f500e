"""The shop's regular customers: who they are and what they are fond of."""

from __future__ import annotations

import random
from functools import lru_cache

from local.demo.families import departments, families
from local.demo.model import DemoShopper

SEED = 977
COUNT = 120
_FIRST = (
    "Ada", "Bas", "Celia", "David", "Edda", "Frank", "Gwen", "Hugo", "Ines", "Jan", "Kira", "Louis", "Mila", "Noah",
    "Oda", "Paul", "Rana", "Stijn", "Tess", "Umar", "Viola", "Wout", "Xenia", "Yann", "Zita",
)  # fmt: skip
_LAST = (
    "Aerts", "Bakker", "Claes", "Dubois", "Engel", "Fontaine", "Gerber", "Hansen", "Ilic", "Jacobs", "Keller",
    "Laurent", "Meyer", "Novak", "Olsen", "Petit", "Rossi", "Smit", "Thys", "Vogel", "Weber", "Yilmaz", "Zeman",
)  # fmt: skip
# People are seldom fond of departments at random; these go together, and each shopper leans on one of them.
_LEANINGS: tuple[tuple[str, ...], ...] = (
    ("knitwear", "craft", "tea-coffee", "lighting"),
    ("footwear", "outdoors", "bags"),
    ("kitchen", "table", "pantry"),
    ("audio", "music", "stationery"),
    ("living", "bedding", "lighting"),
    ("garden", "pets", "kitchen"),
    ("clothing", "bags", "footwear"),
    ("toys", "stationery", "pantry"),
    ("bath", "bedding", "clothing"),
    ("outdoors", "audio", "footwear"),
)


@lru_cache(maxsize=1)
def build_shoppers() -> tuple[DemoShopper, ...]:
    """Return all shoppers, Maya first."""
    rng = random.Random(SEED)
    names = rng.sample([(first, last) for first in _FIRST for last in _LAST], COUNT - 1)
    return (_maya(), *(_shopper(first, last, rng) for first, last in names))


def _maya() -> DemoShopper:
    loved = {"knitwear": 9.0, "tea-coffee": 5.0, "lighting": 4.5, "footwear": 4.0, "stationery": 0.8, "bedding": 0.8}
    return DemoShopper(
        id="maya",
        name="Maya Lindqvist",
        email="maya@lanternandloom.example",
        taste=_shares(loved),
        favourite_families=(
            "scarves",
            "wool-socks",
            "slippers",
            "pillar-candles",
            "scented-candles",
            "teapots",
            "loose-tea",
        ),
        favourite_brands=("Loom & Fold", "Wren Valley", "Harbour & Hale", "Kettle & Leaf"),
        price_sensitivity=0.35,
        activity=2.4,
    )


def _shopper(first: str, last: str, rng: random.Random) -> DemoShopper:
    leaning = _LEANINGS[rng.randrange(len(_LEANINGS))]
    loved = {name: rng.uniform(2.0, 4.0) for name in leaning}
    loved[leaning[0]] += rng.uniform(3.0, 7.0)
    own = [family.id for family in families().values() if family.category_id in leaning]
    makers = [brand for department in departments() if department.id in leaning for brand in department.brands]
    shopper_id = f"{first}-{last}".lower()
    return DemoShopper(
        id=shopper_id,
        name=f"{first} {last}",
        email=f"{first}.{last}@post.example".lower(),
        taste=_shares(loved),
        favourite_families=tuple(rng.sample(own, min(5, len(own)))),
        favourite_brands=tuple(rng.sample(makers, min(3, len(makers)))),
        price_sensitivity=round(rng.betavariate(2, 2), 3),
        activity=round(min(max(rng.lognormvariate(0.0, 0.55), 0.3), 3.0), 3),
    )


def _shares(loved: dict[str, float]) -> dict[str, float]:
    """Spread a little curiosity over every department and let the shares sum to one."""
    weights = {department.id: loved.get(department.id, 0.08) for department in departments()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
