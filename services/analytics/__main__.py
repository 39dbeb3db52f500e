"""The analytics process: who is wired to whom."""

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import redis.asyncio as redis

from aisle.analytics.v1.analytics_service_pb2_grpc import add_AnalyticsServiceServicer_to_server
from services.analytics.adapters import migrations
from services.analytics.adapters.postgres_event_store import PostgresEventStore
from services.analytics.adapters.postgres_usage_store import PostgresUsageStore
from services.analytics.adapters.redis_event_stream import RedisEventStream
from services.analytics.adapters.system_clock import SystemClock
from services.analytics.application.forget_usage import BATCH, ForgetUsage
from services.analytics.application.list_usage import ListUsage
from services.analytics.application.query_report import QueryReport
from services.analytics.application.query_usage import QueryUsage
from services.analytics.application.record_events import RecordEvents
from services.analytics.application.record_usage import RecordUsage
from services.analytics.application.store_events import StoreEvents
from services.analytics.servicer.analytics import AnalyticsServicer, UsageCases
from services.analytics.servicer.events import decode_event, encode_event
from services.analytics.settings import AnalyticsSettings
from services.runtime import serve, sql
from services.runtime.errors import Unavailable
from services.runtime.paging import PageTokens

log = logging.getLogger("aisle.analytics")

PAUSE_AFTER_FAILURE = 1.0
TRIM_INTERVAL = 15.0
FORGET_INTERVAL = 600.0


async def build(settings: AnalyticsSettings, stack: AsyncExitStack) -> serve.Service:
    """Connect the adapters on the stack and wire the service."""
    url = settings.database_url.get_secret_value()
    database = await stack.enter_async_context(sql.connect(url, service="analytics"))
    await sql.migrate(database, "analytics", Path(migrations.__path__[0]))
    client = redis.Redis.from_url(settings.redis_url.get_secret_value(), health_check_interval=10)
    stack.push_async_callback(client.aclose)
    stream = RedisEventStream(client, settings.consumer, encode_event, decode_event)
    store, clock = PostgresEventStore(database), SystemClock()
    records, record_days = PostgresUsageStore(database), settings.usage_record_days
    usage = UsageCases(
        RecordUsage(records),
        QueryUsage(records, clock, record_days),
        ListUsage(records, clock),
        PageTokens(settings.token_key.get_secret_value()),
    )
    servicer = AnalyticsServicer(RecordEvents(stream), QueryReport(store, stream, clock), clock, usage)
    forget = ForgetUsage(records, clock, record_days, settings.usage_sum_days)
    move = StoreEvents(stream, store, settings.batch_size)
    return serve.Service(
        full_name="aisle.analytics.v1.AnalyticsService",
        register=lambda server: add_AnalyticsServiceServicer_to_server(servicer, server),
        checks={"postgres": database.check, "redis": stream.check},
        background=(lambda: _keep_moving(move), lambda: _keep_trimming(stream), lambda: _keep_forgetting(forget)),
    )


def main() -> None:
    """Run the service until it is told to stop."""
    settings = AnalyticsSettings.load()
    serve.run(settings, lambda stack: build(settings, stack))


async def _keep_moving(move: StoreEvents) -> None:
    while True:
        try:
            await move()
        except Unavailable as error:
            log.warning("events wait in the stream", extra={"data": {"reason": error.reason}})
            await asyncio.sleep(PAUSE_AFTER_FAILURE)


async def _keep_trimming(stream: RedisEventStream) -> None:
    while True:
        await asyncio.sleep(TRIM_INTERVAL)
        try:
            await stream.trim()
        except Unavailable as error:
            log.warning("the stream was not trimmed", extra={"data": {"reason": error.reason}})


async def _keep_forgetting(forget: ForgetUsage) -> None:
    while True:
        try:
            removed = BATCH
            while removed == BATCH:
                removed = await forget()
        except Unavailable as error:
            log.warning("old usage records were not removed", extra={"data": {"reason": error.reason}})
        await asyncio.sleep(FORGET_INTERVAL)


if __name__ == "__main__":
    main()
