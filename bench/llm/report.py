"""The figures as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.llm.sections import STALL, STREAMS, WIDTHS

DIRECT = "the upstream itself"
Figures = Mapping[str, Any]


def text(found: Figures, missing: Sequence[str]) -> str:
    """Return everything that was found, as Markdown."""
    parts = [
        _whole(found["unary"]) if "unary" in found else "",
        _streams(found["streams"]) if "streams" in found else "",
        _rates(found) if "slo" in found else "",
        _growth(found["growth"]) if "growth" in found else "",
        "\n".join(f"- {sentence}" for sentence in missing),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _whole(found: Figures) -> str:
    direct = found[DIRECT]["widths"]

    def rows() -> Iterator[Sequence[str]]:
        for title, one in found.items():
            widths = [one["widths"][str(width)] for width in WIDTHS]
            cpu = " / ".join(_cpu(width) for width in widths)
            rates = " / ".join(f"{width['rate']:.0f}" for width in widths[1:])
            plain = [f"{width['p50']:.2f} / {width['p99']:.1f}" for width in widths]
            added = [
                f"{width['p50'] - base['p50']:.2f} / {width['p99'] - base['p99']:.1f}"
                for width, base in zip(widths, (direct[str(width)] for width in WIDTHS), strict=True)
            ]
            yield [title, cpu, rates, *(plain if title == DIRECT else added), _memory(one)]

    head = ["Way", "CPU ms a call, c = 1 / 16 / 64", "calls/s on one core, c = 16 / 64"]
    head += [f"added p50 / p99 ms, c = {width}" for width in WIDTHS]
    hits = "; ".join(
        f"{title}: {one['hit']['p50']:.2f} / {one['hit']['p99']:.1f} ms, {one['hit']['cpu']:.2f} ms CPU"
        for title, one in found.items()
        if one.get("hit")
    )
    failed = sum(width["failed"] for one in found.values() for width in one["widths"].values())
    return (
        "**Whole answers** (1.2 KB of text; no question is asked twice; the first row is not added time but all of it)"
        f"\n\n{_table([*head, 'RSS MB, start → after'], rows())}\n\n"
        f"Exact hits of the cache at c = 1, p50 / p99: {hits}. Calls that failed: {failed:.0f}."
    )


def _cpu(width: Mapping[str, float]) -> str:
    proxy = width["proxy"]
    return f"{width['cpu']:.2f}" + (f" (Envoy {proxy:.2f})" if proxy else "")


def _memory(one: Mapping[str, Any]) -> str:
    return f"{one['memory_start']:.0f} → {one['memory']:.0f}"


def _streams(found: Figures) -> str:
    base = found[DIRECT]["steps"]

    def rows() -> Iterator[Sequence[str]]:
        for title, one in found.items():
            steps = one["steps"]
            # Told of as many streams as went well, 32 at the most, so that ways can be compared.
            told = "32" if "32" in steps and one["most"] >= 32 else str(max(one["most"], STREAMS[0]))
            step, direct = steps[told], base[told]
            first = f"{step['first_p50'] - direct['first_p50']:.1f} / {step['first_p99'] - direct['first_p99']:.1f}"
            top = steps[str(one["most"])] if one["most"] else step
            chunks = f"{top['chunk_us']:.0f} (at {one['most'] or STREAMS[0]})"
            yield [title, str(one["most"]), f"{first} (at {told})", chunks, _why(one)]

    head = ["Way", "most streams without a stall", "added to the first words, p50 / p99 ms", "CPU µs a chunk"]
    return (
        f"**Paced streams** (64 deltas, 20 ms apart; a stall is a gap of more than {STALL * 1000:.0f} ms; first words "
        f"within 100 ms for 99 %; tried: {', '.join(map(str, STREAMS))} at once)\n\n"
        f"{_table([*head, 'what ended it'], rows())}"
    )


def _why(one: Mapping[str, Any]) -> str:
    width, last = list(one["steps"].items())[-1]
    if last["ok"]:
        return "nothing"
    problem = (
        f"{last['failed']} failed"
        if last["failed"]
        else f"{last['stalled']} of {last['streams']} stalled, longest gap {last['longest_gap']:.0f} ms"
        if last["stalled"]
        else f"first words after {last['first_p99']:.0f} ms"
    )
    return f"{problem} (at {width})"


def _rates(found: Figures) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for title, one in found["slo"].items():
            yield [title, f"{one['calls']:.0f}", f"{one['streams']:.0f}"]

    table = _table(["Way", "calls/s (8 KB)", "streams/s (31 chunks)"], rows())
    rule = "95 % of calls, and of streams the first words, within 100 ms; streams whole within 200 ms; nothing failed"
    return f"**Highest rate of arrivals that is kept** (open loop; {rule})\n\n{table}"


def _growth(found: Figures) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for title, one in found.items():
            yield [title, str(one["calls"]), f"{one['grown']:+.1f}", f"{one['per_10000']:+.1f}"]

    table = _table(["Way", "calls", "grown, MB", "MB in 10,000 calls"], rows())
    return f"**Memory** (every fifth call is a stream whose reader leaves after its first words)\n\n{table}"
