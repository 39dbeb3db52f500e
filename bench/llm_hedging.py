"""What hedging buys: the time to the first token where 2 % of a provider's answers begin late, with and without it.

Providers, budgets and clock are in this process, so that nothing else is measured. `python -m bench.llm_hedging`.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from services.llm.application.generate_text import GenerateText
from services.llm.domain.generation import Ended, FinishReason, Message, Prompt, ProviderEvent, Role, TextDelta, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.latency import LatencyBook
from services.llm.domain.model import Model, ModelTable, Policy, Quality
from services.llm.domain.usage import TokenUsage
from tests.fakes.llm_models import CHEAP, DEAR
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeAnswerCache, FakeBudgets, surroundings

CALLS, AT_ONCE = 6000, 20
LATE_SHARE, LATE_SECONDS = 0.02, 1.0
MEDIAN_SECONDS, SPREAD = 0.08, 0.25


class _Provider:
    """Begins after a log-normal while, and sometimes much later; notes when those it lost to were let go."""

    def __init__(self, seed: int) -> None:
        self.asked = 0
        self.cancelled: list[float] = []
        self._random = random.Random(seed)

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        self.asked += 1
        late = self._random.random() < LATE_SHARE
        wait = LATE_SECONDS if late else MEDIAN_SECONDS * self._random.lognormvariate(0, SPREAD)
        try:
            await asyncio.sleep(wait)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(time.monotonic())
            raise
        yield TextDelta("tea")
        yield Ended(FinishReason.STOP, TokenUsage(10, 1))


class _Table:
    def __init__(self, policy: Policy) -> None:
        self._table = ModelTable(2, (CHEAP, DEAR), {"default": policy})

    def configured(self) -> ModelTable:
        return self._table


async def measure(hedge: bool) -> dict[str, float]:
    """Return the percentiles of the first token in milliseconds, and what it cost beside."""
    first, second, ledger, budgets = _Provider(1), _Provider(2), FakeLedger(), FakeBudgets()
    table, latency = _Table(Policy(prefer=Quality.STANDARD, hedge=hedge)), LatencyBook()
    providers = {"openai": first, "bedrock": second}
    around = surroundings(table, providers, HealthBook(), ledger, time.monotonic, budgets, latency)
    generate, waits, free = GenerateText(around, FakeAnswerCache()), [], asyncio.Semaphore(AT_ONCE)

    async def call(number: int) -> None:
        async with free:
            wanted, began = Wanted(Prompt([Message(Role.USER, f"tea {number}")], max_output_tokens=5)), time.monotonic()
            async with aclosing(generate(wanted)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        waits.append(time.monotonic() - began)

    await asyncio.gather(*(call(number) for number in range(CALLS)))
    # What was learnt at the beginning is no part of it.
    ordered = sorted(waits[CALLS // 10 :])
    asked = first.asked + second.asked
    return {
        **{f"p{share}": ordered[int(len(ordered) * share / 100)] * 1e3 for share in (50, 95, 99)},
        "extra": (asked - CALLS) / CALLS * 100,
        "unsettled": float(len(budgets.reserved) - len(budgets.settled)),
        "records": float(len(ledger.records) - asked),
    }


def table(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """Return the table for docs/measurements.md."""
    lines = [
        "| | first token p50 / p95 / p99, ms | more calls | unsettled | records − calls |",
        "|---|--:|--:|--:|--:|",
    ]
    for title, row in rows:
        waits = " / ".join(f"{row[key]:.0f}" for key in ("p50", "p95", "p99"))
        lines.append(f"| {title} | {waits} | {row['extra']:.1f} % | {row['unsettled']:.0f} | {row['records']:.0f} |")
    return "\n".join(lines)


async def main() -> None:
    """Measure both and print."""
    print(table([("without", await measure(False)), ("with", await measure(True))]))


if __name__ == "__main__":
    asyncio.run(main())
