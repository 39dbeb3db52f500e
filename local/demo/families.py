"""Reads the written families, colours and objects into typed values, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml

from local.demo.colour import Mode, Oklch

CONTENT = Path(__file__).parent / "content"


@dataclass(frozen=True, slots=True)
class Item:
    """One product as it was written: a title, a price in euros, and the sentence that sets it apart."""

    title: str
    euros: int
    material: str
    colour: str | None
    lead: str
    thing: str | None
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of product with its own words, materials and companions."""

    id: str
    category_id: str
    noun: str
    plural: bool
    objects: tuple[str, ...]
    companions: tuple[str, ...]
    aspects: tuple[str, ...]
    pairs: tuple[str, ...]
    queries: tuple[str, ...]
    tags: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    materials: Mapping[str, str]
    more: tuple[str, ...]
    care: tuple[str, ...]
    items: tuple[Item, ...]
    edition: str
    large: bool


@dataclass(frozen=True, slots=True)
class Department:
    """A category as it was written, with its families and the makers it sells."""

    id: str
    order: int
    title: str
    blurb: str
    tint: str
    brands: tuple[str, ...]
    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that can be photographed and how it takes paint."""

    code: str
    name: str
    mode: Mode
    keep_top: float
    calm: float
    duo: bool
    natural: bool
    scale: float


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour the shop knows and what it says about it."""

    colours: Mapping[str, Oklch]
    tints: Mapping[str, Oklch]
    phrases: Mapping[str, str]
    editions: Mapping[str, str]
    quiet: tuple[str, ...]


def read_yaml(path: Path) -> Any:
    """Return the parsed content file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def departments() -> tuple[Department, ...]:
    """Return all departments in shop order."""
    found = [_department(read_yaml(path)) for path in sorted((CONTENT / "families").glob("*.yaml"))]
    return tuple(sorted(found, key=lambda department: department.order))


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Return every family by its id."""
    return {family.id: family for department in departments() for family in department.families}


@lru_cache(maxsize=1)
def palette() -> Palette:
    """Return the shop's colours."""
    raw = read_yaml(CONTENT / "palette.yaml")
    return Palette(
        colours={name: Oklch(*value) for name, value in raw["colours"].items()},
        tints={name: Oklch(*value) for name, value in raw["tints"].items()},
        phrases=raw["phrases"],
        editions=raw["editions"],
        quiet=tuple(raw["quiet"]),
    )


@lru_cache(maxsize=1)
def things() -> Mapping[str, Thing]:
    """Return every object that pictures are made of, by its code."""
    raw = read_yaml(CONTENT / "objects.yaml")
    return {str(code): _thing(str(code), value) for code, value in raw.items()}


def _thing(code: str, raw: Mapping[str, Any]) -> Thing:
    return Thing(
        code=code,
        name=raw["name"],
        mode=cast(Mode, raw["mode"]),
        keep_top=float(raw.get("keep_top", 0.0)),
        calm=float(raw.get("calm", 1.0)),
        duo=bool(raw.get("duo", False)),
        natural=bool(raw.get("natural", False)),
        scale=float(raw.get("scale", 1.0)),
    )


def _department(raw: Mapping[str, Any]) -> Department:
    return Department(
        id=raw["id"], order=raw["order"], title=raw["title"], blurb=raw["blurb"], tint=raw["tint"],
        brands=tuple(raw["brands"]), families=tuple(_family(entry, raw["id"]) for entry in raw["families"]),
    )  # fmt: skip


def _family(raw: Mapping[str, Any], category_id: str) -> Family:
    return Family(
        id=raw["id"],
        category_id=category_id,
        noun=raw["noun"],
        plural=bool(raw.get("plural", False)),
        objects=tuple(str(code) for code in raw["objects"]),
        companions=tuple(str(code) for code in raw["with"]),
        aspects=tuple(raw["aspects"]),
        pairs=tuple(raw["pairs"]),
        queries=tuple(raw["queries"]),
        tags=tuple(raw["tags"]),
        attributes={name: tuple(str(value) for value in values) for name, values in raw["attributes"].items()},
        materials=raw["materials"],
        more=tuple(raw["more"]),
        care=tuple(raw["care"]),
        items=tuple(_item(entry) for entry in raw["items"]),
        edition=raw.get("edition", "Large"),
        large=bool(raw.get("large", False)),
    )


def _item(raw: list[Any]) -> Item:
    """Read title, price, material, colour and lead; then, if written, its own object and its own facts."""
    title, euros, material, colour, lead = raw[:5]
    own = [entry for entry in raw[5:] if not isinstance(entry, dict)]
    facts = {name: str(value) for entry in raw[5:] if isinstance(entry, dict) for name, value in entry.items()}
    worn = None if colour == "none" else colour
    return Item(title, int(euros), material, worn, lead, str(own[0]) if own else None, facts)
