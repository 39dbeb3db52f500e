"""Pictures and the keys they are kept under."""

import re
from dataclasses import dataclass

from services.product.domain.errors import field_invalid

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
_LONGEST_KEY = 300
_LONGEST_PART = 120
# How files of each kind begin; browsers and image programs trust the bytes, so we do not trust the label.
_BEGINNINGS = {
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/avif": re.compile(rb".{4}ftyp(?:avif|avis|mif1|miaf)", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to keep."""

    key: str
    content: bytes
    content_type: str


def is_key(key: str) -> bool:
    """Return whether a key names a place inside the store and nothing outside it."""
    if len(key) > _LONGEST_KEY or _KEY.fullmatch(key) is None:
        return False
    return all(".." not in part and len(part) <= _LONGEST_PART for part in key.split("/"))


def sound_picture(picture: Picture, path: str) -> Picture:
    """Return the picture; refuse a key that leads elsewhere and bytes that are not what the label says."""
    if not is_key(picture.key):
        raise field_invalid(f"{path}.key", "must be small letters, digits, hyphens, dots and slashes")
    beginning = _BEGINNINGS.get(picture.content_type)
    if beginning is None or not beginning.match(picture.content):
        raise field_invalid(f"{path}.content", f"is not a file of the type {picture.content_type}")
    return picture
