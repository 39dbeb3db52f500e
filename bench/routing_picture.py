"""Draws what routers keep of the large model's quality against how often they call it, as SVG."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.routing_metrics import Array

_WIDTH, _HEIGHT = 760, 460
_LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 60, 20, 430, 390
_COLOURS = {
    "oracle: knows both outcomes": "#8a8f98",
    "random": "#c2c7d0",
    "longest prompt first": "#d08c28",
    "TF-IDF + logistic, 5-fold": "#2f8f6b",
    "ours, 5-fold": "#3457d5",
    "ours, 1,500 labels": "#7c9cf0",
    "ours, unseen subject group": "#c0392b",
}
_STEPS = 100


def draw(path: Path, curves: Sequence[tuple[str, Array]], small: float, large: float) -> None:
    """Write the picture; curves are shares of the gap recovered, small and large are the two models' scores."""
    known = [(name, curve) for name, curve in curves if name in _COLOURS]
    # The oracle goes beyond the large model: it also knows what only the small one gets right.
    highest = max(float(curve.max()) for _, curve in known)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_axes(small, large, highest),
        *(_curve(name, curve, highest, place) for place, (name, curve) in enumerate(known)),
        "</svg>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _place(share: float, gap: float, highest: float) -> tuple[float, float]:
    return _LEFT + share * _PLOT_WIDTH, _TOP + _PLOT_HEIGHT * (1 - gap / highest)


def _axes(small: float, large: float, highest: float) -> Iterator[str]:
    bottom = _TOP + _PLOT_HEIGHT
    for step in range(0, 101, 20):
        left, _ = _place(step / 100, 0, highest)
        yield f'<line x1="{left:.1f}" y1="{_TOP}" x2="{left:.1f}" y2="{bottom}" stroke="#eceef2"/>'
        yield f'<text x="{left:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#444">{step} %</text>'
    for gap, label in ((0.0, f"{small:.3f}"), (0.5, f"{(small + large) / 2:.3f}"), (1.0, f"{large:.3f}")):
        _, top = _place(0, gap, highest)
        yield f'<line x1="{_LEFT}" y1="{top:.1f}" x2="{_LEFT + _PLOT_WIDTH}" y2="{top:.1f}" stroke="#d5d9e0"/>'
        yield f'<text x="{_LEFT - 8}" y="{top + 4:.1f}" text-anchor="end" fill="#444">{label}</text>'
    middle = _LEFT + _PLOT_WIDTH / 2
    yield f'<text x="{middle}" y="{bottom + 38}" text-anchor="middle" fill="#222">calls to the large model</text>'
    yield f'<text x="{_LEFT - 50}" y="{_TOP - 6}" fill="#222">answered rightly</text>'


def _curve(name: str, curve: Array, highest: float, place: int) -> str:
    last = len(curve) - 1
    points = " ".join(
        "{:.1f},{:.1f}".format(*_place(step / _STEPS, float(curve[round(step / _STEPS * last)]), highest))
        for step in range(_STEPS + 1)
    )
    colour, top = _COLOURS[name], _TOP + 20 + place * 24
    left = _LEFT + _PLOT_WIDTH + 24
    return (
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'
        f'<line x1="{left}" y1="{top}" x2="{left + 22}" y2="{top}" stroke="{colour}" stroke-width="3"/>'
        f'<text x="{left + 30}" y="{top + 4}" fill="#222">{name}</text>'
    )
