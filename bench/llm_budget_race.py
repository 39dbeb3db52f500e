"""Budgets at their edge: 200 calls at once in each of four replicas over two processes, against one real Redis.

Every run spends one budget until nobody gets anything any more. It fails when more was spent than there is, or less
than 95 %. Then what a reservation takes: from a lease in memory, by way of Redis, and in processor time.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis.asyncio as redis

from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.domain.budget import Amount, Rule, Scope, Subject, Window
from services.llm.domain.generation import Priority
from tests.integration.llm.redis_process import RedisProcess, reserved, tended

_PROCESSES, _REPLICAS = 2, 2
_LEAST_SHARE = 0.95


@contextmanager
def servers() -> Iterator[RedisProcess]:
    """Run a Redis of one's own."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = RedisProcess(Path(folder), int(probe.getsockname()[1]))
        probe.close()
        server.start()
        try:
            yield server
        finally:
            server.kill()


def race(url: str, runs: int) -> bool:
    """Run the races and print what came of them; returns whether all held."""
    environment = {**os.environ, "REDIS_URL": url, "REPLICAS": str(_REPLICAS)}
    command = [sys.executable, "-m", "tests.integration.llm.redis_process"]
    racers = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(_PROCESSES)
    ]
    shares = []
    try:
        for run in range(runs):
            # From a budget that a few calls spend to one that most fit into.
            whose, limit = f"tenants/{uuid.uuid4().hex}", 20_000 + 1_000 * run
            for seed, racer in enumerate(racers):
                assert racer.stdin is not None
                racer.stdin.write(json.dumps({"tenant": whose, "limit": limit, "seed": 10 * run + seed}) + "\n")
                racer.stdin.flush()
            spent = sum(int(racer.stdout.readline()) for racer in racers if racer.stdout is not None)
            shares.append(spent / limit)
    finally:
        for racer in racers:
            racer.communicate(timeout=20)
    over = sum(share > 1 for share in shares)
    print(f"| {_PROCESSES} processes x {_REPLICAS} replicas x 200 calls at once, {runs} runs | |")
    print("|---|---|")
    print(f"| runs that spent more than there was | {over} |")
    print(f"| share of the budget spent, least / middle | {min(shares):.2%} / {statistics.median(shares):.2%} |")
    return not over and min(shares) >= _LEAST_SHARE


def told(what: str, seconds: Sequence[float]) -> None:
    """Print a line of latencies."""
    ordered = sorted(seconds)
    p50, p99 = (ordered[int(len(ordered) * part)] * 1e6 for part in (0.5, 0.99))
    print(f"| {what} | {p50:.1f} / {p99:.1f} |")


async def one(house: RedisBudgets, whose: Scope, amount: Amount, seconds: list[float]) -> None:
    """Reserve, note how long that took, and settle."""
    begun = time.perf_counter()
    held = await reserved(house, whose, amount)
    seconds.append(time.perf_counter() - begun)
    if held is not None:
        house.settle(held, Amount(amount.tokens // 2, amount.micros // 2))


async def latencies(url: str, calls: int) -> None:
    """Print what reserving takes."""
    rules = [
        Rule(Subject.TENANT, "*", Window.MONTH, micros=10**12),
        Rule(Subject.USER, "*", Window.MINUTE, tokens=10**9),
    ]
    print("\n| reserve, two budgets | p50 / p99, µs |\n|---|---|")
    async with redis.Redis.from_url(url) as client:
        house = RedisBudgets(client, lambda: rules)
        async with tended(house):
            seconds: list[float] = []
            for _ in range(calls):
                await one(house, Scope("tenants/a", user="u"), Amount(800, 400), seconds)
                await asyncio.sleep(0)
            told("one user: leases in memory, those that ask Redis included", seconds)
            seconds = []
            for at in range(calls // 10):
                await one(house, Scope("tenants/a", user=f"u{at}"), Amount(800, 400), seconds)
            told("a new user each time, one after the other: always by way of Redis", seconds)
            seconds = []
            for at in range(0, calls // 10, 50):
                crowd = (Scope("tenants/a", user=f"v{at}-{each}") for each in range(50))
                await asyncio.gather(*(one(house, whose, Amount(800, 400), seconds) for whose in crowd))
            told("fifty new users at once", seconds)
        await processor(RedisBudgets(client, lambda: rules), calls)


async def processor(house: RedisBudgets, calls: int) -> None:
    """Print the processor time of this process, background job included."""
    whose, amount = Scope("tenants/b", user="u"), Amount(800, 400)
    async with tended(house):
        for _ in range(1_000):
            house.settle(await house.reserve(whose, amount, Priority.INTERACTIVE), Amount(700, 300))
        begun, rounds = time.process_time(), calls
        for at in range(rounds):
            house.settle(await house.reserve(whose, amount, Priority.INTERACTIVE), Amount(700, 300))
            if at % 50 == 0:
                # About a thousand calls a second, so that pulses are in the figure.
                await asyncio.sleep(0.05)
        print(f"\nprocessor time of reserve and settle: {(time.process_time() - begun) / rounds * 1e6:.1f} µs a call")


def main() -> int:
    """Print both tables. Returns an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="how often the race is run")
    parser.add_argument("--calls", type=int, default=20_000, help="reservations that are timed")
    given = parser.parse_args()
    with servers() as server:
        held = race(server.url, given.runs)
        asyncio.run(latencies(server.url, given.calls))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
