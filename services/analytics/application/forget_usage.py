"""Removes old records of calls to language models, and later their sums."""

from datetime import timedelta

from services.analytics.application.ports import Clock, UsageStore

# Records removed in one transaction: few enough that none waits for it.
BATCH = 5000


class ForgetUsage:
    """Keeps records and sums for as many days as the settings say."""

    def __init__(self, store: UsageStore, clock: Clock, record_days: int, sum_days: int) -> None:
        """Take the store, the time, and how many days each is kept."""
        self._store = store
        self._clock = clock
        self._records = timedelta(days=record_days)
        self._sums = timedelta(days=sum_days)

    async def __call__(self) -> int:
        """Remove one batch; return how many records it held."""
        now = self._clock.now()
        return await self._store.forget(now - self._records, (now - self._sums).date(), BATCH)
