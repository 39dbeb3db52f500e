"""What the service's memory does over 200,000 calls, a fifth of them streams whose readers leave after the first words.

Half come over gRPC, half over /v1. `python -m bench.llm_memory` prints a line every 20,000 calls and takes some ten
minutes.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench.llm.rig import Way, running

CALLS = 200_000
PORTION = 20_000
WIDTH = 16


async def measure(home: Path, calls: int) -> None:
    """Call in portions, and print what is resident after each."""
    async with running(home, with_peers=False) as rig:
        ways = [way for way in rig.ways if way.title in ("Aisle, gRPC", "Aisle, /v1")]
        await _portion(ways, PORTION // 4)
        first = ways[0].memory()
        print(f"| calls | resident, MB | grown, MB in 10,000 calls |\n|--:|--:|--:|\n| 0 | {first:.1f} | |", flush=True)
        began = time.perf_counter()
        for done in range(PORTION, calls + 1, PORTION):
            await _portion(ways, PORTION)
            now = ways[0].memory()
            print(f"| {done:,} | {now:.1f} | {(now - first) / done * 10_000:+.2f} |", flush=True)
        print(f"\n{calls / (time.perf_counter() - began):.0f} calls a second")


async def _portion(ways: list[Way], calls: int) -> None:
    numbers = itertools.count()

    async def caller() -> None:
        while (number := next(numbers)) < calls:
            way = ways[number % 2]
            if number // 2 % 5 == 0:
                await way.client.leave("mock-31")
            else:
                await way.client.ask("mock")

    async with asyncio.TaskGroup() as group:
        for _ in range(WIDTH):
            group.create_task(caller())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
        uvloop.run(measure(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else CALLS))
