"""Asks each provider from time to time whether it is there, so that no caller has to find out."""

import asyncio
from collections.abc import Mapping

from services.llm.application.ports import Clock, ProbedProvider
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.health import HealthBook

PROBE_TIMEOUT = 5.0
# How often to look whether a provider that went away is back: its callers should have it within seconds.
AWAY_SECONDS = 2.0


class ProbeProviders:
    """Keeps the health book up to date."""

    def __init__(self, providers: Mapping[str, ProbedProvider], health: HealthBook, clock: Clock) -> None:
        """Take who to ask, by provider name, where to write down the answers, and the book's clock."""
        self._providers = providers
        self._health = health
        self._clock = clock
        # Providers whose last probe said that our key is wrong: asking again soon would pester them.
        self._forbidden: set[str] = set()

    async def __call__(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._providers:
                group.create_task(self._watch(name))

    async def ask(self, name: str) -> None:
        """Ask one provider once."""
        self._forbidden.discard(name)
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                self._health.probed(name, await self._providers[name].offered())
        except ProviderFailed as failure:
            self._health.probe_failed(name, failure.kind)
            if failure.kind is FailureKind.FORBIDDEN:
                self._forbidden.add(name)
        except TimeoutError:
            self._health.probe_failed(name, FailureKind.TIMED_OUT)

    async def _watch(self, name: str) -> None:
        usual = self._providers[name].probe_seconds
        step = min(AWAY_SECONDS, usual)
        while True:
            await self.ask(name)
            waited = 0.0
            while waited < usual:
                await asyncio.sleep(step)
                waited += step
                away = self._health.is_down(name) or self._health.is_troubled(name, self._clock())
                if away and name not in self._forbidden:
                    break
