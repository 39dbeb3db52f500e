"""What the replicas of the service share: budgets, cached answers, and what they know of models' health."""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from services.llm.adapters.forgetful_cache import ForgetfulCache
from services.llm.adapters.redis_line import RedisLine
from services.llm.adapters.unlimited_budgets import UnlimitedBudgets
from services.llm.application.admin_ports import BudgetMeter
from services.llm.application.ports import AnswerCache, Budgets, ModelSource
from services.llm.domain.budget import Rule
from services.llm.domain.health import HealthBook

# A Redis that is slower than this is of no use on the way of a call.
_SECONDS = 0.5
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared parts, and the jobs that keep them in step."""

    budgets: Budgets
    cache: AnswerCache
    health: HealthBook
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    meter: BudgetMeter | None = None


def without_redis() -> Shared:
    """Return parts that share nothing."""
    return Shared(UnlimitedBudgets(), ForgetfulCache(), HealthBook())


async def over_redis(
    url: str, models: ModelSource, rules: Callable[[], Sequence[Rule]], stack: AsyncExitStack
) -> Shared:
    """Return parts that share over Redis; `rules` gives the budgets that hold now.

    Redis is connected to by the first call, so it need not be there yet.
    """
    import redis.asyncio as redis

    from services.llm.adapters.redis_answer_cache import RedisAnswerCache
    from services.llm.adapters.redis_budgets import RedisBudgets
    from services.llm.adapters.redis_health import RedisHealth

    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=_CONNECTIONS, timeout=_SECONDS, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS
    )
    client = redis.Redis.from_pool(pool)
    stack.push_async_callback(client.aclose)
    # Listening is waiting: these connections must not give up after half a second.
    listener = redis.Redis.from_url(url, health_check_interval=10)
    stack.push_async_callback(listener.aclose)
    budgets = RedisBudgets(client, rules)
    line = RedisLine(client, _SECONDS)
    cache = RedisAnswerCache(line, models, listener)
    news = RedisHealth(listener)
    health = news.book = HealthBook(news.tell)
    stack.push_async_callback(budgets.give_back)
    return Shared(budgets, cache, health, (line.tend, budgets.tend, cache.follow, news.publish, news.follow), budgets)
