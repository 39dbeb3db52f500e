"""Builds the shop's catalogue from the written families, the same every time."""

from __future__ import annotations

import hashlib
import random
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from local.demo.families import Department, Family, Item, departments, families, palette
from local.demo.model import Catalogue, DemoCategory, DemoProduct
from local.demo.shots import Shot, Sitter, plan

SEED = 1887
_SALE_SHARE = 0.16
_MEASURES = frozenset(
    {"Set", "Count", "Net weight", "Pieces", "Length", "Size", "Height", "Width", "Capacity", "Seats", "Exposures"}
)
_SOLD_OUT_SHARE = 0.035


@lru_cache(maxsize=1)
def build_catalogue() -> Catalogue:
    """Return all categories and products of the demo shop."""
    categories: list[DemoCategory] = []
    products: list[DemoProduct] = []
    for department in departments():
        categories.append(DemoCategory(department.id, department.title, department.blurb, department.tint))
        products.extend(_products(department))
    return Catalogue(tuple(categories), tuple(products))


def shots_of(product: DemoProduct) -> tuple[Shot, ...]:
    """Return the pictures planned for a product of this catalogue."""
    return _planned()[product.id]


def _products(department: Department) -> Iterator[DemoProduct]:
    for position, (family, item, index, twin) in enumerate(_entries(department)):
        yield _product(department, family, item, index, twin, position)


def _entries(department: Department) -> Iterator[tuple[Family, Item, int, bool]]:
    """Yield each written item and, for every other one, its second edition, with editions after all first ones."""
    for family in department.families:
        for index, item in enumerate(family.items):
            yield family, item, index, False
    for family in department.families:
        for index, item in enumerate(family.items):
            if index % 2 == 0:
                yield family, item, index, True


def _product(department: Department, family: Family, item: Item, index: int, twin: bool, position: int) -> DemoProduct:
    colour = _twin_colour(family, item) if twin and item.colour else item.colour
    title = _title(family, item, colour, twin)
    slug = slugify(title)
    rng = random.Random(f"{SEED}:{slug}")
    attributes = _attributes(family, item, colour, rng, twin)
    price, list_price = _price(item, twin and not item.colour, family, rng)
    sitter = _sitter(department, family, item, (colour, title), index, position, twin)
    return DemoProduct(
        id=slug,
        title=title,
        subtitle=_subtitle(item, attributes, colour),
        description=_description(family, item, colour, twin, rng),
        category_id=department.id,
        brand=department.brands[_number(item.title) % len(department.brands)],
        price_minor=price,
        list_price_minor=list_price,
        currency="EUR",
        stock=0 if rng.random() < _SOLD_OUT_SHARE else rng.choice((2, 4, 6, 9, 14, 21, 34, 55, 80, 120)),
        attributes=attributes,
        tags=tuple(dict.fromkeys((*family.tags, item.material, *((colour,) if colour else ())))),
        images=tuple(shot.image for shot in plan(sitter)),
        delivery=_delivery(family, rng),
        family=family.id,
    )


@lru_cache(maxsize=1)
def _planned() -> dict[str, tuple[Shot, ...]]:
    planned: dict[str, tuple[Shot, ...]] = {}
    for department in departments():
        for position, (family, item, index, twin) in enumerate(_entries(department)):
            colour = _twin_colour(family, item) if twin and item.colour else item.colour
            title = _title(family, item, colour, twin)
            sitter = _sitter(department, family, item, (colour, title), index, position, twin)
            planned[sitter.slug] = plan(sitter)
    return planned


def _sitter(
    department: Department,
    family: Family,
    item: Item,
    look: tuple[str | None, str],
    index: int,
    position: int,
    twin: bool,
) -> Sitter:
    colour, title = look
    code = item.thing or family.objects[index % len(family.objects)]
    fuller = twin and colour is None
    return Sitter(slugify(title), title, family, code, colour, department.tint, position, fuller)


def _twin_colour(family: Family, item: Item) -> str:
    """Pick a second colour that suits the family and that this item does not already come in."""
    alike = [other.colour for other in family.items if other.material == item.material]
    worn = [name for name in dict.fromkeys(alike) if name and name != item.colour]
    shade = palette().colours
    if not worn:
        worn = [name for name in ("sage", "clay", "navy", "oat", "rust", "slate") if name != item.colour]
    assert item.colour is not None
    own = shade[item.colour].lightness
    contrasting = [name for name in worn if abs(shade[name].lightness - own) > 0.08] or worn
    return contrasting[_number(item.title + "twin") % len(contrasting)]


def _title(family: Family, item: Item, colour: str | None, twin: bool) -> str:
    if not twin:
        return item.title
    return f"{item.title} in {colour.capitalize()}" if colour else f"{item.title}, {family.edition}"


def _attributes(family: Family, item: Item, colour: str | None, rng: random.Random, twin: bool) -> dict[str, str]:
    attributes = {"Material": item.material}
    if colour:
        attributes["Colour"] = colour
    attributes |= {name: rng.choice(values) for name, values in family.attributes.items()}
    attributes |= dict(item.facts)
    if twin and not colour:
        # What the edition changes is said by its name, not by a measure of the first edition.
        attributes = {name: value for name, value in attributes.items() if name not in _MEASURES} | {
            "Edition": family.edition
        }
    return attributes


def _price(item: Item, larger: bool, family: Family, rng: random.Random) -> tuple[int, int | None]:
    euros = item.euros
    if larger:
        euros = max(item.euros - 4, 3) if family.edition == "Travel" else round(item.euros * 1.45)
    full = euros * 100 if euros >= 20 else euros * 100 - rng.choice((0, 10, 50))
    if rng.random() >= _SALE_SHARE:
        return full, None
    reduced = round(full * rng.choice((0.75, 0.8, 0.85, 0.7)) / 100) * 100
    return (reduced, full) if 0 < reduced < full else (full, None)


def _subtitle(item: Item, attributes: dict[str, str], colour: str | None) -> str:
    extras = [
        value
        for name, value in attributes.items()
        if name not in {"Material", "Colour", "Sizes"} and value not in {"yes", "no"}
    ]
    parts = [item.material.capitalize(), *([colour] if colour else []), *extras[:1]]
    return " · ".join(parts)


def _description(family: Family, item: Item, colour: str | None, twin: bool, rng: random.Random) -> str:
    detail, care = rng.choice(family.more), rng.choice(family.care)
    if not twin:
        return " ".join((item.lead, family.materials[item.material], detail, care))
    words = palette()
    edition = words.phrases[colour] if colour else words.editions.get(family.edition, words.editions["default"])
    return " ".join((item.lead, edition, family.materials[item.material], care))


def _delivery(family: Family, rng: random.Random) -> str:
    if family.large:
        return "Delivered to your room by appointment in 5–10 working days"
    if family.id == "bouquets":
        return "Delivered fresh the next working day when ordered before 14:00"
    return rng.choice(("Delivered in 2–4 working days", "Delivered in 2–4 working days, or tomorrow with express"))


def slugify(text: str) -> str:
    """Return the text as an address part: lower case, ASCII, hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def complements(family_id: str) -> tuple[str, ...]:
    """Return the families that are bought together with this one."""
    known = families()
    return tuple(other for other in known[family_id].pairs if other in known)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
