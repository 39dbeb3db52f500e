"""Several ledgers as one."""

from services.llm.application.ports import UsageLedger
from services.llm.domain.usage import UsageRecord


class Ledgers:
    """A `UsageLedger` that hands every record to each of its ledgers: first to the one that must not lose it."""

    def __init__(self, *ledgers: UsageLedger) -> None:
        """Take the ledgers, the most important one first."""
        self._ledgers = ledgers

    def record(self, record: UsageRecord) -> None:
        """Hand the record on."""
        for ledger in self._ledgers:
            ledger.record(record)
