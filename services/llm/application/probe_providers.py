"""Asks each provider from time to time whether it is there, so that no caller has to find out."""

import asyncio
from collections.abc import Mapping

from services.llm.application.ports import ProbedProvider
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.health import HealthBook

PROBE_TIMEOUT = 5.0
# A provider that went away is asked soon, then less and less: it should be back in use when it is back, without
# being pestered when it is our key that is wrong.
AWAY_SECONDS = 2.0


class ProbeProviders:
    """Keeps the health book up to date."""

    def __init__(self, providers: Mapping[str, ProbedProvider], health: HealthBook) -> None:
        """Take who to ask, by provider name, and where to write down the answers."""
        self._providers = providers
        self._health = health

    async def __call__(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._providers:
                group.create_task(self._watch(name))

    async def ask(self, name: str) -> None:
        """Ask one provider once."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                self._health.probed(name, await self._providers[name].offered())
        except ProviderFailed as failure:
            self._health.probe_failed(name, failure.kind)
        except TimeoutError:
            self._health.probe_failed(name, FailureKind.TIMED_OUT)

    async def _watch(self, name: str) -> None:
        usual = self._providers[name].probe_seconds
        soon = min(AWAY_SECONDS, usual)
        while True:
            await self.ask(name)
            if self._health.is_down(name):
                await asyncio.sleep(soon)
                soon = min(soon * 2, usual)
            else:
                await asyncio.sleep(usual)
                soon = min(AWAY_SECONDS, usual)
