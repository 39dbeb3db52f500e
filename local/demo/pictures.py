"""Composes the shop's product pictures from packaged object renderings, with one light and one studio."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from local.demo.catalogue import shots_of
from local.demo.colour import Coat
from local.demo.families import palette
from local.demo.model import DemoImage, DemoProduct
from local.demo.shots import CLOSE, Placed, Shot
from local.demo.studio import SIZE, cutout, ground, plinth, proportion, shadow

_SPAN = 372
_WIDE_SPAN = 424
_QUALITY = 84


def compose(product: DemoProduct, assets: Path) -> list[tuple[DemoImage, bytes]]:
    """Return the product's pictures as WebP, in the order of its gallery.

    `assets` is the folder of WebP renderings inside the npm package `@lobehub/fluent-emoji-3d`.
    """
    return [(shot.image, _webp(take(shot, assets))) for shot in shots_of(product)]


def take(shot: Shot, assets: Path) -> Image.Image:
    """Photograph one shot."""
    tint = palette().tints[shot.tint]
    image = ground(tint, shot.stage, shot.step).copy()
    raised = shot.stage == "plinth" and len(shot.placed) == 1
    for placed in shot.placed:
        _place(image, placed, shot, assets, raised)
    return image.convert("RGB")


def _place(image: Image.Image, placed: Placed, shot: Shot, assets: Path, raised: bool) -> None:
    thing = placed.thing
    paint = palette().colours[placed.colour] if placed.colour else None
    coat = Coat(thing.mode, thing.keep_top, thing.calm)
    path = assets / f"{thing.code}.webp"
    close = placed.scale >= CLOSE
    wide = proportion(path) > 1.25
    span = round((_WIDE_SPAN if wide else _SPAN) * placed.scale * (1.0 if close else thing.scale))
    body = cutout(path, paint, coat, span)
    base, left = placed.y * SIZE, placed.x * SIZE - body.width / 2
    if raised:
        width = min(max(body.width * 1.22, 300.0), 520.0)
        top = base - 34
        plinth(image, palette().tints[shot.tint], placed.x * SIZE, top, width)
        base = top + width * 0.045
    if close:
        base += body.height / 2
    else:
        shadow(image, body, left, base)
    _lay(image, body, round(left), round(base - body.height))


def _lay(image: Image.Image, body: Image.Image, left: int, top: int) -> None:
    """Composite the object, cutting what lies outside the frame."""
    box = (max(0, -left), max(0, -top), min(body.width, SIZE - left), min(body.height, SIZE - top))
    image.alpha_composite(body.crop(box), (max(0, left), max(0, top)))


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=2)
    return buffer.getvalue()
