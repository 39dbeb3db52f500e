"""Turns records of any shape into products, as a mapping file says."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aisle.product.v1 import product_pb2
from local.money import set_money

MAPPINGS = Path(__file__).parent / "mappings"
_MINOR_PER_MAJOR = Decimal(100)
_MAX_ID = 80
# 1,299 is over a thousand to some and a little over one to others.
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


class UnusableMapping(Exception):
    """The mapping file is wrong; the message says how."""


class UnusableRecord(Exception):
    """A record cannot become a product; the message says why."""


class Source(BaseModel):
    """Where a value comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Fields by name or dotted path; the first that holds something wins.
    fields: list[str] = Field(default_factory=list, alias="from")
    default: str | None = None


class PriceSource(Source):
    """Where a price comes from, and what its numbers mean."""

    unit: str = Field("major", pattern="^(major|minor)$")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$")


class AttributeSource(BaseModel):
    """Which fields are facts of a product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefixes: list[str] = Field(default_factory=list)
    fields: list[str] = Field(default_factory=list)
    limit: int = Field(40, ge=0, le=200)


class CatalogMapping(BaseModel):
    """A mapping file: for each part of a product, where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Source
    id: Source = Source()
    subtitle: Source = Source()
    description: Source = Source()
    brand: Source = Source()
    category: Source
    price: PriceSource
    list_price: PriceSource = PriceSource()
    stock: Source = Source()
    tags: Source = Source()
    attributes: AttributeSource = AttributeSource()


@dataclass(frozen=True, slots=True)
class MappedProduct:
    """A product as it will be sent, with the title of its category."""

    product: product_pb2.Product
    category_title: str


def load(name_or_path: str) -> CatalogMapping:
    """Return a mapping by the name of one of ours, or by the path of a file."""
    path = MAPPINGS / f"{name_or_path}.yaml"
    if not path.exists():
        path = Path(name_or_path)
    if not path.exists():
        raise UnusableMapping(f"There is no mapping {name_or_path!r}. Ours are {', '.join(names())}.")
    try:
        return CatalogMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnusableMapping(f"{path.name}: {error}") from None
    except ValidationError as invalid:
        problems = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in invalid.errors()]
        raise UnusableMapping(f"{path.name}: " + "; ".join(problems)) from None


def names() -> list[str]:
    """Return the names of our own mappings."""
    return sorted(path.stem for path in MAPPINGS.glob("*.yaml"))


def to_product(record: Mapping[str, Any], mapping: CatalogMapping) -> MappedProduct:
    """Return the product of a record, or raise UnusableRecord."""
    title = _text(record, mapping.title)
    if not title:
        raise UnusableRecord(f"no title in {', '.join(mapping.title.fields)}")
    category_title = _text(record, mapping.category) or "Other"
    product = product_pb2.Product(
        name=f"products/{slug(_text(record, mapping.id) or title)}",
        title=title[:300],
        subtitle=_text(record, mapping.subtitle)[:300],
        description=_text(record, mapping.description)[:20000],
        category=f"categories/{slug(category_title)}",
        brand=_text(record, mapping.brand)[:120],
        stock_quantity=_stock(record, mapping.stock),
        attributes=_attributes(record, mapping.attributes),
        tags=_tags(record, mapping.tags),
        state=product_pb2.PRODUCT_STATE_ACTIVE,
    )
    set_money(product.price, _minor(record, mapping.price, required=True), mapping.price.currency)
    before = _minor(record, mapping.list_price, required=False)
    if before:
        set_money(product.list_price, before, mapping.list_price.currency)
    return MappedProduct(product, category_title[:120])


def slug(text: str) -> str:
    """Return text as the last part of a resource name: lower case, ASCII, hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MAX_ID].rstrip("-")
    if not made:
        raise UnusableRecord(f"no id can be made from {text[:60]!r}")
    return made


def _find(record: Mapping[str, Any], fields: Iterable[str]) -> Any:
    for field in fields:
        value: Any = record
        for part in [field] if field in record else field.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value not in (None, "", [], {}):
            return value
    return None


def _text(record: Mapping[str, Any], source: Source) -> str:
    value = _find(record, source.fields)
    if value is None:
        return source.default or ""
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    return " ".join(str(value).split()) if not isinstance(value, str) else value.strip()


def _minor(record: Mapping[str, Any], source: PriceSource, *, required: bool) -> int:
    """Return a price in minor units, rounded half up."""
    value = _text(record, source)
    if not value:
        if required:
            raise UnusableRecord(f"no price in {', '.join(source.fields)}")
        return 0
    if _GROUPED.fullmatch(value):
        raise UnusableRecord(f"price {value[:40]!r} may mean thousands or decimals; write it without the comma")
    try:
        number = Decimal(value.replace(",", "."))
        minor = int((number if source.unit == "minor" else number * _MINOR_PER_MAJOR).to_integral_value(ROUND_HALF_UP))
    except (InvalidOperation, ValueError, OverflowError):
        raise UnusableRecord(f"price {value[:40]!r} is not a number") from None
    if not 0 <= minor < 10**12:
        raise UnusableRecord(f"price {value[:40]!r} is out of range")
    return minor


def _stock(record: Mapping[str, Any], source: Source) -> int:
    value = _text(record, source)
    try:
        return max(0, min(int(float(value)), 2**31 - 1)) if value else 0
    except (ValueError, OverflowError):
        raise UnusableRecord(f"stock {value[:40]!r} is not a number") from None


def _tags(record: Mapping[str, Any], source: Source) -> list[str]:
    value = _find(record, source.fields)
    items = value if isinstance(value, list) else str(value or "").split(",")
    return [str(item).strip()[:80] for item in items if str(item).strip()][:50]


def _attributes(record: Mapping[str, Any], source: AttributeSource) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in source.fields:
        value = _find(record, [field])
        if value is not None:
            found[_label(field)] = _shown(value)
    for key, value in record.items():
        prefix = next((p for p in source.prefixes if key.startswith(p)), None)
        if prefix is not None and value not in (None, "", [], {}):
            found.setdefault(_label(key.removeprefix(prefix)), _shown(value))
    return dict(list(found.items())[: source.limit])


def _label(name: str) -> str:
    return " ".join(re.sub(r"[._]+", " ", name).split())[:120].strip().capitalize() or name


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    return str(value)[:2000]
