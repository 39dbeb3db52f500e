"""The recommendation process: who is wired to whom."""

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import redis.asyncio as redis

from aisle.recommendation.v1.recommendation_service_pb2_grpc import add_RecommendationServiceServicer_to_server
from services.recommendation.adapters import migrations
from services.recommendation.adapters.llm_suggester import LlmSuggester
from services.recommendation.adapters.milvus_similar_items import MilvusSimilarItems
from services.recommendation.adapters.postgres_history import PostgresHistory
from services.recommendation.adapters.product_shop import ProductShop
from services.recommendation.adapters.redis_answer_cache import RedisAnswerCache
from services.recommendation.adapters.redis_interaction_stream import RedisInteractionStream
from services.recommendation.adapters.system_clock import SystemClock
from services.recommendation.application.find_candidates import FindCandidates
from services.recommendation.application.learn_interactions import LearnInteractions
from services.recommendation.application.recommend_products import RecommendProducts
from services.recommendation.servicer import RecommendationServicer, interaction_of
from services.recommendation.settings import RecommendationSettings
from services.runtime import serve, sql
from services.runtime.channel import UNPINGED, MeshChannel, without_pandas
from services.runtime.errors import Unavailable

with without_pandas():
    from pymilvus import AsyncMilvusClient

log = logging.getLogger("aisle.recommendation")

PAUSE_AFTER_FAILURE = 1.0


def vectors_of(settings: RecommendationSettings, stack: AsyncExitStack) -> AsyncMilvusClient:
    """Return a client of the server with the product service's vectors, closed with the stack."""
    token = settings.milvus_token.get_secret_value()
    client = AsyncMilvusClient(uri=settings.milvus_uri, token=token, grpc_options=dict(UNPINGED))
    stack.push_async_callback(client.close)
    return client


async def build(settings: RecommendationSettings, stack: AsyncExitStack) -> serve.Service:
    """Connect the adapters on the stack and wire the service."""
    url = settings.database_url.get_secret_value()
    database = await stack.enter_async_context(sql.connect(url, service="recommendation"))
    await sql.migrate(database, "recommendation", Path(migrations.__path__[0]))
    client = redis.Redis.from_url(settings.redis_url.get_secret_value(), health_check_interval=10)
    stack.push_async_callback(client.aclose)
    vectors = vectors_of(settings, stack)
    product, llm = [
        await stack.enter_async_context(MeshChannel("recommendation", name, settings.egress_address))
        for name in ("product", "llm")
    ]
    history, cache = PostgresHistory(database), RedisAnswerCache(client, settings.answer_seconds)
    stream = RedisInteractionStream(client, settings.consumer, interaction_of)
    find = FindCandidates(history, MilvusSimilarItems(vectors, settings.items_collection), SystemClock())
    recommend = RecommendProducts(cache, find, ProductShop(product), LlmSuggester(llm))
    learn = LearnInteractions(stream, history, cache, settings.batch_size)
    servicer = RecommendationServicer(recommend)
    return serve.Service(
        full_name="aisle.recommendation.v1.RecommendationService",
        register=lambda server: add_RecommendationServiceServicer_to_server(servicer, server),
        checks={"postgres": database.check},
        background=(lambda: _keep_learning(learn),),
    )


def main() -> None:
    """Run the service until it is told to stop."""
    settings = RecommendationSettings.load()
    serve.run(settings, lambda stack: build(settings, stack))


async def _keep_learning(learn: LearnInteractions) -> None:
    while True:
        try:
            await learn()
        except Unavailable as error:
            log.warning("learning waits", extra={"data": {"reason": error.reason}})
            await asyncio.sleep(PAUSE_AFTER_FAILURE)


if __name__ == "__main__":
    main()
