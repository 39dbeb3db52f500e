"""Decides, without drawing anything, which pictures a product gets and what each of them shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from local.demo.families import Family, Thing, palette, things
from local.demo.model import DemoImage
from local.demo.studio import SIZE

DEEPEST = 3
CLOSE = 1.85
"""The scale from which an object fills the frame; it is then placed by its middle instead of its foot."""
STAGES = ("arch", "plain", "plinth", "sun", "panel", "window")


@dataclass(frozen=True, slots=True)
class Placed:
    """One object in a picture: how large, where its foot stands and which paint it wears."""

    thing: Thing
    colour: str | None
    scale: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture as it will be taken, from the back of the set to the front."""

    image: DemoImage
    tint: str
    stage: str
    step: int
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Sitter:
    """What the studio must know about a product to photograph it."""

    slug: str
    title: str
    family: Family
    code: str
    colour: str | None
    tint: str
    position: int
    fuller: bool


def plan(sitter: Sitter) -> tuple[Shot, ...]:
    """Return two or three shots: the product alone, in company, and for every other product close up."""
    shots = [_portrait(sitter), _company(sitter)]
    if sitter.position % 2 == 0:
        shots.append(_close_up(sitter))
    return tuple(shots)


def _portrait(sitter: Sitter) -> Shot:
    thing = things()[sitter.code]
    stage, step = _stage(sitter.position)
    # A hand's breadth to the side or nearer to the lens: no two covers are quite alike.
    nearer = 0.95 + 0.025 * (_number(sitter.slug + "near") % 5) + (0.06 if sitter.fuller else 0.0)
    aside = 0.5 + 0.006 * (_number(sitter.slug + "aside") % 5 - 2)
    if thing.duo and (sitter.fuller or sitter.position % 3 == 1):
        placed: tuple[Placed, ...] = (
            Placed(thing, sitter.colour, 0.74, 0.645, 0.765),
            Placed(thing, sitter.colour, 0.90 * nearer, aside - 0.095, 0.825),
        )
        return _shot(sitter, 1, stage if stage != "plinth" else "arch", step, placed, "two of them")
    placed = (Placed(thing, sitter.colour, nearer, aside, 0.815),)
    return _shot(sitter, 1, stage, step, placed, _with_article(thing.name))


def _company(sitter: Sitter) -> Shot:
    thing = things()[sitter.code]
    choices = [code for code in sitter.family.companions if code != sitter.code]
    friend = things()[choices[_number(sitter.slug) % len(choices)]]
    quiet = palette().quiet
    paint = (
        quiet[_number(sitter.slug + "friend") % len(quiet)] if friend.mode != "none" and not friend.natural else None
    )
    if paint is not None and paint == sitter.colour:
        paint = quiet[(quiet.index(paint) + 1) % len(quiet)]
    stage = STAGES[(sitter.position + 3) % len(STAGES)]
    stage = "plain" if stage == "plinth" else stage
    side = 1 if _number(sitter.slug + "side") % 2 else -1
    placed = (
        Placed(friend, paint, 0.66, 0.5 + 0.215 * side, 0.755),
        Placed(thing, sitter.colour, 0.84, 0.5 - 0.13 * side, 0.835),
    )
    return _shot(sitter, 2, stage, (sitter.position + 1) % 3, placed, f"beside {_with_article(friend.name)}")


def _close_up(sitter: Sitter) -> Shot:
    thing = things()[sitter.code]
    lean = 0.40 if _number(sitter.slug + "lean") % 2 else 0.60
    placed = (Placed(thing, sitter.colour, CLOSE, lean, 0.56),)
    return _shot(sitter, 3, "plain", (sitter.position + 2) % 3, placed, "seen close up")


def _stage(position: int) -> tuple[str, int]:
    return STAGES[position % len(STAGES)], (position // len(STAGES)) % 3


def _shot(sitter: Sitter, number: int, stage: str, step: int, placed: tuple[Placed, ...], seen: str) -> Shot:
    colour = f" in {sitter.colour}" if sitter.colour and f"in {sitter.colour}" not in sitter.title.lower() else ""
    alt = f"{sitter.title}{colour}, {seen}, on a warm paper-toned ground"
    if sitter.colour and palette().colours[sitter.colour].lightness > 0.82:
        # A pale product needs a deeper wall behind it.
        step = DEEPEST
    image = DemoImage(f"products/{sitter.slug}/{number}.webp", alt, SIZE, SIZE)
    return Shot(image, sitter.tint, stage, step, placed)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def _with_article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"
