"""What an outage costs: tries of a model that is away, calls in a total outage, and how soon a provider feels a reader
who leaves. Providers are fakes; the outages run by a clock of their own. `python -m bench.llm_outage`.
"""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.application.generate_text import GenerateText
from services.llm.application.probe_providers import AWAY_SECONDS, ProbeProviders
from services.llm.domain.generation import Message, Prompt, Role, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Quality
from services.runtime.errors import Retryable
from tests.fakes.llm_models import CHEAP, DEAR, FixedModels
from tests.fakes.llm_openai_server import openai_server
from tests.fakes.llm_provider import FakeLedger, FakeProvider
from tests.fakes.llm_scenario import Scenario
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

OUTAGE, EVERY = 60.0, 4.0
OFFERED = 2000
LEFT = 100


class House:
    """Two models over two providers, and a clock that is turned by hand."""

    def __init__(self, first: Scenario, second: Scenario) -> None:
        """Take how each of them is."""
        self.first, self.second, self.now = FakeProvider(first), FakeProvider(second), 0.0
        providers = {"openai": self.first, "bedrock": self.second}
        self._health, clock = HealthBook(), lambda: self.now
        self._probes, self._probed = ProbeProviders(providers, self._health, clock), 0.0
        around = surroundings(FixedModels(CHEAP, DEAR), providers, self._health, FakeLedger(), clock)
        self._generate = GenerateText(around, FakeAnswerCache())
        self._asked = 0

    async def turn(self, seconds: float) -> None:
        """Let time pass; who is in trouble is probed meanwhile, as the service's background job does."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.25)
            troubled = self._health.is_down("openai") or self._health.is_troubled("openai", self.now)
            if troubled and self.now - self._probed >= AWAY_SECONDS:
                self._probed = self.now
                await self._probes.ask("openai")

    async def ask(self) -> str:
        """Ask something new; return the model that answered, or nothing."""
        self._asked += 1
        wanted = Wanted(Prompt([Message(Role.USER, f"tea {self._asked}")]), min_quality=Quality.STANDARD)
        answered = ""
        try:
            async with aclosing(self._generate(wanted)) as events:
                async for event in events:
                    answered = answered or getattr(getattr(event, "model", None), "name", "")
        except Retryable:
            return ""
        return answered


async def breaker() -> str:
    """Return the row of one model's outage: a request every four seconds for a minute, then it is back."""
    house, answers = House(Scenario.BROKEN, Scenario.ANSWER), []
    while house.now < OUTAGE:
        answers.append(await house.ask())
        await house.turn(EVERY)
    tries = len(house.first.prompts)
    house.first.scenario, back = Scenario.ANSWER, house.now
    while await house.ask() != CHEAP.name:
        await house.turn(0.25)
    good = sum(map(bool, answers))
    return (
        f"| one model away for {OUTAGE:.0f} s, a request every {EVERY:.0f} s | {good} of {len(answers)} answered, "
        f"{tries} tries of the one that is away, asked again {house.now - back:.1f} s after it was back |"
    )


async def amplification() -> str:
    """Return the row of a total outage: everybody asks, nobody can answer."""
    house = House(Scenario.BROKEN, Scenario.BROKEN)
    for _ in range(OFFERED):
        await house.ask()
        house.now += 0.01
    sent = len(house.first.prompts) + len(house.second.prompts)
    return f"| both models away, {OFFERED} requests in {OFFERED / 100:.0f} s | {sent / OFFERED:.3f} calls a request |"


async def abort() -> str:
    """Return the row of readers who leave in the middle of a stream, over real connections."""
    waits = []
    async with openai_server() as server, OpenAIProvider("sk-x", server.url, 5.0) as provider:
        server.scenario = Scenario.ENDLESS
        for number in range(LEFT):
            server.left.clear()
            around = surroundings(
                FixedModels(replace(CHEAP, quality=Quality.STANDARD)),
                {"openai": provider},
                HealthBook(),
                FakeLedger(),
                time.monotonic,
            )
            generate = GenerateText(around, FakeAnswerCache())
            wanted = Wanted(Prompt([Message(Role.USER, f"tea {number}")]), min_quality=Quality.ANY)
            async with aclosing(generate(wanted)) as events:
                for _ in range(3):
                    await anext(events)
            began = time.monotonic()
            await asyncio.wait_for(server.left.wait(), 5)
            waits.append((time.monotonic() - began) * 1e3)
    waits.sort()
    middle, worst = waits[LEFT // 2], waits[-1]
    return (
        f"| {LEFT} readers who leave | the connection is closed after p50 {middle:.0f} ms, at the most {worst:.0f} ms |"
    )


async def main() -> None:
    """Measure and print."""
    print("| | |\n|---|---|")
    for row in (breaker, amplification, abort):
        print(await row())


if __name__ == "__main__":
    asyncio.run(main())
