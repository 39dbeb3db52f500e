"""The photo studio: sets to stand things on, objects cut to size, and the shadows that hold them down."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from local.demo.colour import Coat, Oklch, repaint

SIZE = 640
HORIZON = 0.70
_SUPER = 2
# Tables instead of functions: Pillow would call a function 256 times for every picture.
_FADE = [int(value * 0.62) for value in range(256)]
_CAST = [int(value * 0.30) for value in range(256)]


@lru_cache(maxsize=40)
def ground(tint: Oklch, stage: str, step: int) -> Image.Image:
    """Return an empty set: wall, floor and one quiet piece of scenery; `step` (0 to 3) deepens its tone."""
    turned = Oklch(tint.lightness, tint.chroma, tint.hue + (0.0, 9.0, -11.0, 4.0)[step])
    tone = turned.shifted(lightness=-0.017 * step, chroma=1.0 + 0.16 * step)
    wall = _gradient(tone.shifted(0.022, 0.85), tone.shifted(-0.012, 1.05), int(SIZE * HORIZON))
    floor = _gradient(tone.shifted(-0.045, 1.25), tone.shifted(0.012, 1.0), SIZE - int(SIZE * HORIZON))
    image = Image.new("RGB", (SIZE, SIZE))
    image.paste(wall, (0, 0))
    image.paste(floor, (0, int(SIZE * HORIZON)))
    _soften_horizon(image)
    _scenery(image, tone, stage)
    return image.convert("RGBA")


def _gradient(top: Oklch, bottom: Oklch, height: int) -> Image.Image:
    first, last = np.array(top.rgb(), np.float32), np.array(bottom.rgb(), np.float32)
    share = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    column = np.round(first + (last - first) * share).astype(np.uint8)
    return Image.fromarray(np.repeat(column[:, None, :], SIZE, axis=1))


def _soften_horizon(image: Image.Image) -> None:
    middle = int(SIZE * HORIZON)
    band = (0, middle - 24, SIZE, middle + 24)
    soft = image.crop(band).filter(ImageFilter.GaussianBlur(4))
    image.paste(soft.crop((0, 10, SIZE, 38)), (0, middle - 14))


def _scenery(image: Image.Image, tone: Oklch, stage: str) -> None:
    base = int(SIZE * HORIZON)
    if stage == "arch":
        _shape(
            image, tone.shifted(-0.055, 1.35), tone.shifted(-0.02, 1.2), (150, 92, 490, base + 4), radius=170, flat=True
        )
    elif stage == "sun":
        _shape(image, tone.shifted(0.035, 0.75), tone.shifted(0.02, 0.9), (134, 74, 506, 446), radius=186, flat=False)
    elif stage == "panel":
        _shape(image, tone.shifted(-0.04, 1.3), tone.shifted(-0.02, 1.2), (96, 70, 404, base + 4), radius=14, flat=True)
    elif stage == "window":
        _window_light(image)


def _shape(
    image: Image.Image, top: Oklch, bottom: Oklch, box: tuple[int, int, int, int], radius: int, flat: bool
) -> None:
    left, upper, right, lower = box
    size = ((right - left) * _SUPER, (lower - upper) * _SUPER)
    mask = Image.new("L", size, 0)
    reach = size[1] + radius * _SUPER * 2 if flat else size[1]
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, reach - 1), radius=radius * _SUPER, fill=255)
    mask = mask.resize((right - left, lower - upper), Image.Resampling.LANCZOS)
    fill = _gradient(top, bottom, lower - upper).crop((0, 0, right - left, lower - upper))
    image.paste(fill, (left, upper), mask)


def _window_light(image: Image.Image) -> None:
    mask = Image.new("L", (SIZE // 4, SIZE // 4), 0)
    draw = ImageDraw.Draw(mask)
    for column in (0, 1):
        for row in (0, 1):
            x, y = 26 + column * 46, 8 + row * 50
            draw.polygon([(x, y), (x + 40, y - 5), (x + 52, y + 40), (x + 12, y + 45)], fill=150)
    mask = mask.filter(ImageFilter.GaussianBlur(2.2)).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    image.paste(Image.new("RGB", image.size, (255, 250, 238)), (0, 0), mask.point(lambda value: int(value * 0.55)))


def plinth(image: Image.Image, tone: Oklch, centre: float, top: float, width: float) -> None:
    """Draw a low round pedestal whose top face is centred at `top`."""
    height, tilt = SIZE * 0.085, width * 0.20
    scale = _SUPER
    layer = Image.new("RGBA", (SIZE * scale, SIZE * scale), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    left, right = (centre - width / 2) * scale, (centre + width / 2) * scale
    side = tone.shifted(-0.075, 1.35).rgb()
    face = tone.shifted(0.03, 0.8).rgb()
    low, high, half = (top + height) * scale, top * scale, tilt / 2 * scale
    draw.ellipse((left, low - half, right, low + half), fill=(*side, 255))
    draw.rectangle((left, high, right, low), fill=(*side, 255))
    draw.ellipse((left, high - half, right, high + half), fill=(*face, 255))
    shade = Image.new("L", (SIZE // 4, SIZE // 4), 0)
    box = [
        value / 4
        for value in (
            centre - width * 0.56,
            top + height - tilt * 0.4,
            centre + width * 0.60,
            top + height + tilt * 0.66,
        )
    ]
    ImageDraw.Draw(shade).ellipse(box, fill=90)
    _darken(image, shade.filter(ImageFilter.GaussianBlur(3.5)))
    image.alpha_composite(layer.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


@lru_cache(maxsize=64)
def _source(path: Path) -> Image.Image:
    with Image.open(path) as file:
        image = file.convert("RGBA")
    box = image.getchannel("A").point(lambda value: 255 if value > 24 else 0).getbbox()
    return image.crop(box) if box else image


def proportion(path: Path) -> float:
    """Return the object's width over its height."""
    source = _source(path)
    return source.width / source.height


@lru_cache(maxsize=64)
def _painted(path: Path, paint: Oklch | None, coat: Coat) -> Image.Image:
    return Image.fromarray(repaint(np.asarray(_source(path)), paint, coat), "RGBA")


@lru_cache(maxsize=24)
def cutout(path: Path, paint: Oklch | None, coat: Coat, span: int) -> Image.Image:
    """Return the object repainted and scaled so that its larger side measures `span` pixels."""
    image = _painted(path, paint, coat)
    scale = span / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Premultiplied, so that transparent pixels lend no dark fringe to the edge.
    return image.convert("RGBa").resize(size, Image.Resampling.BICUBIC).convert("RGBA")


def shadow(image: Image.Image, thing: Image.Image, left: float, base: float) -> None:
    """Lay the object's contact shadow and its softer cast shadow on the floor."""
    quarter = SIZE // 4
    alpha = thing.getchannel("A")
    foot = np.asarray(alpha.crop((0, int(thing.height * 0.88), thing.width, thing.height))).max(axis=0) > 60
    columns = np.flatnonzero(foot)
    first, last = (float(columns[0]), float(columns[-1])) if columns.size else (thing.width * 0.3, thing.width * 0.7)
    middle, width = left + (first + last) / 2, max(last - first, thing.width * 0.34)
    mask = Image.new("L", (quarter, quarter), 0)
    flat = alpha.resize((max(1, thing.width // 4), max(1, int(thing.height * 0.17 / 4))), Image.Resampling.BOX)
    mask.paste(flat.point(_CAST),
               (round((left + thing.width * 0.035) / 4), round((base - thing.height * 0.115) / 4)))  # fmt: skip
    mask = mask.filter(ImageFilter.GaussianBlur(3.2))
    contact = Image.new("L", (quarter, quarter), 0)
    half, tall = width * 0.50, max(width * 0.055, 7.0)
    ImageDraw.Draw(contact).ellipse(
        [v / 4 for v in (middle - half, base - tall, middle + half, base + tall * 0.9)], fill=165
    )
    contact = contact.filter(ImageFilter.GaussianBlur(1.7))
    joined = np.maximum(np.asarray(mask, np.uint16), np.asarray(contact, np.uint16))
    _darken(image, Image.fromarray(np.minimum(joined, 200).astype(np.uint8)))


def _darken(image: Image.Image, mask: Image.Image) -> None:
    full = mask.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    image.paste(_shade(), (0, 0), full.point(_FADE))


@lru_cache(maxsize=1)
def _shade() -> Image.Image:
    return Image.new("RGBA", (SIZE, SIZE), (62, 40, 26, 255))
