"""A process that records calls and says so, until it is killed; its jobs are those of the llm service."""

import asyncio
import sys
from pathlib import Path

from services.llm.adapters.analytics_usage import AnalyticsUsage
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.application.deliver_usage import DeliverUsage
from services.llm.domain.usage import TokenUsage, UsageRecord
from services.runtime.channel import MeshChannel


async def main(spool: Path, analytics: str, name: str) -> None:
    """Record without end, a line on stdout for each record that was taken, and deliver beside it."""
    async with MeshChannel("llm", "analytics", analytics) as channel:
        with SpoolLedger(spool, segment_bytes=8000, segment_seconds=0.05) as ledger:
            deliver = DeliverUsage(ledger, AnalyticsUsage(channel, timeout=3.0))
            async with asyncio.TaskGroup() as group:
                group.create_task(deliver())
                group.create_task(_write(ledger, name))


async def _write(ledger: SpoolLedger, name: str) -> None:
    number = 0
    while True:
        number += 1
        ledger.record(
            UsageRecord(
                operation="chat",
                model="models/small",
                provider="local",
                use_case="chat_support",
                outcome="ok",
                usage=TokenUsage(10, 2),
                cost_micros=3,
                seconds=0.5,
                user=f"{name}/{number}",
            )
        )
        print(f"{name}/{number}", flush=True)
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
