"""Runs the rate limiter: `python -m services.limits`."""

import sys
import time
from contextlib import AsyncExitStack

from redis.asyncio import Redis

from services.limits.adapters.limits_file import LimitsFile, LimitsFileError
from services.limits.adapters.redis_counters import RedisCounters
from services.limits.application.should_limit import ShouldLimit
from services.limits.domain.refusals import Refusals
from services.limits.servicer.quick_door import QuickDoor
from services.limits.servicer.rate_limit import DOMAIN, METHOD, SERVICE, RateLimitServicer
from services.limits.settings import LimitsSettings
from services.runtime.serve import Service, run


def main() -> None:
    """Wire the file and Redis to what Envoy asks."""
    settings = LimitsSettings.load()
    try:
        limits = LimitsFile(settings.file, settings.poll_seconds)
    except (OSError, LimitsFileError) as problem:
        sys.stderr.write(f"limits: {settings.file}: {problem}\n")
        raise SystemExit(2) from None

    async def build(stack: AsyncExitStack) -> Service:
        client = Redis.from_url(settings.redis_url.get_secret_value(), socket_connect_timeout=settings.redis_seconds)
        stack.push_async_callback(client.aclose)
        counters = RedisCounters(client, settings.redis_seconds)
        servicer = RateLimitServicer(ShouldLimit(limits, counters, time.monotonic, Refusals()))
        methods = {f"/{SERVICE}/{METHOD}": servicer.answer}
        # No hard dependency on Redis: a limiter that says "I do not know" at once is better than none.
        return Service(
            full_name=SERVICE,
            register=servicer.register,
            background=[counters.tend, limits.follow],
            doors=[QuickDoor(settings.listen_host, settings.proxy_port, methods, DOMAIN)],
        )

    run(settings, build)


if __name__ == "__main__":
    main()
