"""Starts the llm service: settings, providers, use cases, servicer."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import grpc

from aisle.llm.v1.batch_service_pb2_grpc import add_BatchServiceServicer_to_server
from aisle.llm.v1.llm_admin_service_pb2_grpc import add_LlmAdminServiceServicer_to_server
from aisle.llm.v1.llm_service_pb2_grpc import add_LlmServiceServicer_to_server
from services.llm.adapters.issued_api_keys import IssuedApiKeys
from services.llm.adapters.jsonschema_shapes import JsonschemaShapes
from services.llm.adapters.local_provider import LocalProvider
from services.llm.adapters.settings_api_keys import SettingsApiKeys
from services.llm.adapters.shared_state import Shared, without_redis
from services.llm.adapters.telemetry_ledger import GatewayMetrics, TelemetryLedger
from services.llm.adapters.yaml_models import PACKAGED, BadModelsFile, YamlModels
from services.llm.application.admin_ports import BudgetMeter
from services.llm.application.administer_budgets import DeleteBudget, ListAuditEntries, ListBudgets, SetBudget
from services.llm.application.administer_keys import CreateApiKey, ListApiKeys, RevokeApiKey
from services.llm.application.answer_run import Surroundings
from services.llm.application.batch_ports import ProviderBatches
from services.llm.application.change_batch import CancelBatch, RetryBatchItems
from services.llm.application.complete_text import CompleteText
from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.follow_administration import FollowAdministration
from services.llm.application.generate_text import GenerateText
from services.llm.application.give_up_items import GiveUpItems
from services.llm.application.list_models import ListModels
from services.llm.application.ports import (
    AnswerCache,
    CallSpans,
    DifficultyJudge,
    EmbeddingProvider,
    ProbedProvider,
    TextProvider,
    UsageLedger,
)
from services.llm.application.probe_providers import ProbeProviders
from services.llm.application.purge_answers import PurgeAnswers
from services.llm.application.read_batches import GetBatch, ListBatches, ListBatchItems
from services.llm.application.run_batches import Limits, RunBatches
from services.llm.application.run_provider_batches import RunProviderBatches
from services.llm.application.single_flight import Flights
from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.application.watch_load import WatchLoad
from services.llm.domain.administration import Administration
from services.llm.domain.admission import Admission
from services.llm.domain.embedding import VectorCache
from services.llm.domain.latency import LatencyBook
from services.llm.domain.redaction import PatternRedaction
from services.llm.domain.retry import LONGEST_PAUSE
from services.llm.servicer.administration import AdminUseCases, LlmAdminServicer
from services.llm.servicer.batches import BatchServicer, BatchUseCases, ProtoItems
from services.llm.servicer.generation import LlmServicer, UseCases
from services.llm.servicer.openai_api import app as openai
from services.llm.settings import LlmSettings
from services.runtime import serve, sql
from services.runtime.channel import MeshChannel
from services.runtime.paging import PageTokens

log = logging.getLogger("aisle.llm")


class Provider(TextProvider, EmbeddingProvider, ProbedProvider, Protocol):
    """What every provider adapter is."""


async def providers(settings: LlmSettings, stack: AsyncExitStack) -> dict[str, Provider]:
    """Return the configured providers by name. SDKs are imported only where they are used: they are large."""
    configured, timeout = settings.providers(), settings.provider_timeout_seconds
    made: dict[str, Provider] = {}
    if "local" in configured:
        made["local"] = await stack.enter_async_context(
            LocalProvider(settings.local_url, settings.local_timeout_seconds)
        )
    if "openai" in configured:
        from services.llm.adapters.openai_provider import OpenAIProvider

        made["openai"] = await stack.enter_async_context(
            OpenAIProvider(
                settings.openai_api_key.get_secret_value(),
                settings.openai_base_url,
                timeout,
                organization=settings.openai_organization,
                project=settings.openai_project,
                checks_model=settings.openai_checks_model,
            )
        )
    if "bedrock" in configured:
        from services.llm.adapters.bedrock_provider import BedrockProvider

        region, at_once, url = settings.bedrock_region, settings.bedrock_calls_at_once, settings.bedrock_endpoint_url
        made["bedrock"] = await stack.enter_async_context(BedrockProvider(region, timeout, at_once, url))
    return made


def models(settings: LlmSettings) -> YamlModels:
    """Return the capability table; a table or an embedding model that cannot be used ends the process with a word."""
    try:
        source = YamlModels(Path(settings.models_file or PACKAGED), settings.providers())
    except BadModelsFile as problem:
        raise SystemExit(f"AISLE_LLM_MODELS_FILE: {problem}") from None
    # The default may be missing: who configures no embedding model wants none.
    named = "embedding_model" in settings.model_fields_set
    if named and source.configured().find(settings.embedding_model) is None:
        raise SystemExit(f"AISLE_LLM_EMBEDDING_MODEL: {settings.embedding_model} is not configured")
    return source


async def connect_shared(
    settings: LlmSettings, source: YamlModels, administration: Administration, stack: AsyncExitStack
) -> Shared:
    """Return what replicas share: budgets, cached answers and health, over Redis where there is one."""
    url = settings.redis_url.get_secret_value()
    if not url:
        return without_redis()
    from services.llm.adapters.shared_state import over_redis

    # What is set in the administration goes before what stands in the file.
    return await over_redis(url, source, lambda: administration.rules(source.configured().budgets), stack)


async def ledgers(settings: LlmSettings, stack: AsyncExitStack) -> tuple[UsageLedger, list[serve.Job]]:
    """Return where usage records go, and the job that delivers them to analytics."""
    if not settings.spool_dir:
        return TelemetryLedger(), []
    from services.llm.adapters.analytics_usage import AnalyticsUsage
    from services.llm.adapters.ledgers import Ledgers
    from services.llm.adapters.spool_ledger import SpoolLedger
    from services.llm.application.deliver_usage import DeliverUsage

    spool = stack.enter_context(SpoolLedger(Path(settings.spool_dir), settings.spool_max_bytes))
    channel = await stack.enter_async_context(MeshChannel("llm", "analytics", settings.egress_address))
    deliver = DeliverUsage(spool, AnalyticsUsage(channel))
    stack.push_async_callback(deliver.drain, settings.grace_seconds)
    return Ledgers(spool, TelemetryLedger()), [deliver]


def similar_answers(
    settings: LlmSettings, source: YamlModels, answers: AnswerCache, embed: EmbedTexts, stack: AsyncExitStack
) -> tuple[AnswerCache, list[serve.Job]]:
    """Return the cache that knows similar questions too, and its jobs; the same one where nobody can tell them."""
    if not (settings.milvus_uri and settings.redis_url.get_secret_value()):
        return answers, []
    from services.llm.adapters.embedding_similarity import EmbeddingSimilarity, SimilarityUnavailable
    from services.llm.adapters.milvus_similar_questions import MilvusSimilarQuestions
    from services.llm.application.similar_answers import SimilarAnswers

    try:
        judge = EmbeddingSimilarity.load()
    except SimilarityUnavailable as missing:
        log.warning("similar questions are not judged", extra={"data": {"reason": str(missing)}})
        return answers, []
    model = source.configured().find(judge.model)
    if model is None:
        log.info("similar questions are not judged", extra={"data": {"missing": judge.model}})
        return answers, []
    known = MilvusSimilarQuestions(
        settings.milvus_uri, model.name, model.dimension, token=settings.milvus_token.get_secret_value()
    )
    stack.push_async_callback(known.close)
    similar = SimilarAnswers(answers, known, judge, embed)
    return similar, [similar.run, known.run]


async def call_spans(settings: LlmSettings, stack: AsyncExitStack) -> tuple[CallSpans | None, list[serve.Job]]:
    """Return who traces calls to models, and the job that sends what was traced, where there is a collector."""
    if not settings.otlp_endpoint:
        return None, []
    from services.llm.adapters.attempt_spans import AttemptSpans
    from services.llm.adapters.otlp_spans import OtlpSpans

    exporter = await stack.enter_async_context(
        OtlpSpans(settings.otlp_endpoint, {"service.name": settings.service, "service.namespace": "aisle"})
    )
    return AttemptSpans(exporter), [exporter]


def difficulty_judge(settings: LlmSettings) -> DifficultyJudge | None:
    """Return who judges how hard questions are; without it the complexity policy goes by price."""
    if not settings.difficulty:
        return None
    from services.llm.adapters.embedding_difficulty import DifficultyUnavailable, EmbeddingDifficulty

    try:
        return EmbeddingDifficulty.load()
    except DifficultyUnavailable as missing:
        log.warning("difficulty is not judged", extra={"data": {"reason": str(missing)}})
        return None


def openai_api(
    settings: LlmSettings, use_cases: openai.UseCases, administration: Administration, admission: Admission
) -> list[serve.Door]:
    """Return the door that serves OpenAI's protocol, where a port is given for it."""
    if not settings.http_port:
        return []
    from services.llm.servicer.openai_api.server import HttpServer

    given = SettingsApiKeys(settings.accepted_api_keys())
    keys = IssuedApiKeys(administration, given, lambda: datetime.now(UTC))
    api = openai.OpenAIApi(use_cases, keys, admission, settings.max_body_bytes)
    return [HttpServer(api, settings.listen_host, settings.http_port)]


async def connect_database(settings: LlmSettings, stack: AsyncExitStack) -> sql.Database | None:
    """Return the database of keys, budgets and batches, None where there is none."""
    url = settings.database_url.get_secret_value()
    if not url:
        return None
    from services.llm.adapters.postgres_schema import migrated

    database = await stack.enter_async_context(sql.connect(url, service="llm"))
    await migrated(database)
    return database


def administer(
    settings: LlmSettings,
    database: sql.Database,
    administration: Administration,
    source: YamlModels,
    meter: BudgetMeter | None,
) -> tuple[LlmAdminServicer, FollowAdministration]:
    """Return who answers for keys and budgets, and who keeps what calls know of them in step."""
    from services.llm.adapters.postgres_administration import PostgresAdminBook

    book = PostgresAdminBook(database)
    use_cases = AdminUseCases(
        create_key=CreateApiKey(book),
        list_keys=ListApiKeys(book),
        revoke_key=RevokeApiKey(book),
        list_budgets=ListBudgets(book, administration, lambda: source.configured().budgets, meter),
        set_budget=SetBudget(book),
        delete_budget=DeleteBudget(book),
        list_audit=ListAuditEntries(book),
    )
    tokens = PageTokens(settings.token_key.get_secret_value())
    return LlmAdminServicer(use_cases, tokens), FollowAdministration(book, administration)


class Batches(NamedTuple):
    """Who answers for batches, who runs their items, and who follows those of providers."""

    servicer: BatchServicer
    worker: RunBatches
    jobs: Sequence[serve.Job]


async def batches(
    settings: LlmSettings,
    database: sql.Database,
    around: Surroundings,
    complete: CompleteText,
    stack: AsyncExitStack,
) -> Batches:
    """Return who answers for batches and who runs them."""
    from services.llm.adapters.postgres_batches import PostgresBatchBook

    book, codec, models = PostgresBatchBook(database), ProtoItems(), around.models
    own = await own_batches(settings, stack)
    use_cases = BatchUseCases(
        create=CreateBatch(book, models),
        add_items=AddBatchItems(book),
        start=StartBatch(book, models, settings.own_batches()),
        get=GetBatch(book),
        list_batches=ListBatches(book),
        list_items=ListBatchItems(book),
        cancel=CancelBatch(book),
        retry=RetryBatchItems(book),
    )
    give_up, limits = GiveUpItems(book, codec, around.ledger, models), Limits(settings.batch_at_once)
    holder = str(uuid.uuid4())
    run = RunBatches(book, complete, codec, give_up, models, around.latency, around.clock, holder, limits, own)
    jobs: list[serve.Job] = []
    if own:
        jobs.append(
            RunProviderBatches(
                book, own, codec, around.budgets, around.ledger, models, around.redaction, around.shapes, holder
            )
        )
    return Batches(BatchServicer(use_cases, PageTokens(settings.token_key.get_secret_value())), run, jobs)


async def own_batches(settings: LlmSettings, stack: AsyncExitStack) -> dict[str, ProviderBatches]:
    """Return the providers whose own batches are used, by name."""
    made: dict[str, ProviderBatches] = {}
    if "openai" in settings.own_batches():
        from services.llm.adapters.openai_batches import OpenAIBatches

        made["openai"] = await stack.enter_async_context(
            OpenAIBatches(
                settings.openai_api_key.get_secret_value(),
                settings.openai_base_url,
                settings.provider_timeout_seconds,
                organization=settings.openai_organization,
                project=settings.openai_project,
            )
        )
    if settings.bedrock_batch_folder and "bedrock" in settings.providers():
        from services.llm.adapters.bedrock_batches import BedrockBatches

        region, folder, role = settings.bedrock_region, settings.bedrock_batch_folder, settings.bedrock_batch_role_arn
        timeout = settings.provider_timeout_seconds
        made["bedrock"] = await stack.enter_async_context(BedrockBatches(region, folder, role, timeout))
    return made


@dataclass(slots=True)
class Kept:
    """What a database adds to the service; without one, nothing."""

    names: Sequence[str] = ()
    register: Sequence[Callable[[grpc.aio.Server], None]] = ()
    doors: Sequence[serve.Door] = ()
    background: Sequence[serve.Job] = ()


async def what_is_kept(
    settings: LlmSettings,
    stack: AsyncExitStack,
    administration: Administration,
    source: YamlModels,
    meter: BudgetMeter | None,
    around: Surroundings,
    complete: CompleteText,
) -> Kept:
    """Return batches and administration, where there is a database to keep them in."""
    database = await connect_database(settings, stack)
    if database is None:
        return Kept()
    batch = await batches(settings, database, around, complete, stack)
    admin, follow = administer(settings, database, administration, source, meter)
    # Nobody is refused for a key that is known: it is looked for before the first call comes.
    await follow.look()
    register = [
        partial(add_BatchServiceServicer_to_server, batch.servicer),
        partial(add_LlmAdminServiceServicer_to_server, admin),
    ]
    names = ("aisle.llm.v1.BatchService", "aisle.llm.v1.LlmAdminService")
    return Kept(names, register, [batch.worker], [follow, *batch.jobs])


async def pause() -> None:
    """Wait a random moment before a model is asked once more."""
    await asyncio.sleep(random.uniform(0.0, LONGEST_PAUSE))  # noqa: S311 - jitter is no secret


async def build(settings: LlmSettings, stack: AsyncExitStack) -> serve.Service:
    """Introduce everybody to each other."""
    clock = time.monotonic
    source, made = models(settings), await providers(settings, stack)
    administration = Administration()
    shared = await connect_shared(settings, source, administration, stack)
    ledger, deliver = await ledgers(settings, stack)
    health, latency, flights = shared.health, LatencyBook(), Flights()
    spans, export = await call_spans(settings, stack)
    admission = Admission(settings.max_calls)
    around = Surroundings(
        models=source,
        providers=made,
        health=health,
        latency=latency,
        budgets=shared.budgets,
        ledger=ledger,
        judge=difficulty_judge(settings),
        redaction=PatternRedaction(),
        shapes=JsonschemaShapes(),
        clock=clock,
        pause=pause,
        admission=admission,
        spans=spans,
        refusals=GatewayMetrics(lambda: health.resting(clock()), admission.by_priority),
    )
    vectors = VectorCache(settings.vector_cache)
    embed = EmbedTexts(source, made, settings.embedding_model, health, ledger, clock, vectors, shared.budgets)
    answers, remember = similar_answers(settings, source, shared.cache, embed, stack)
    generate = GenerateText(around, answers, flights)
    complete, listing = CompleteText(generate), ListModels(source, health, clock)
    servicer = LlmServicer(UseCases(generate, complete, embed, listing, PurgeAnswers(answers)))
    doors = openai_api(settings, openai.UseCases(generate, complete, embed, listing), administration, around.admission)
    kept = await what_is_kept(settings, stack, administration, source, shared.meter, around, complete)
    doors += kept.doors

    def register(server: grpc.aio.Server) -> None:
        add_LlmServiceServicer_to_server(servicer, server)
        for add in kept.register:
            add(server)

    return serve.Service(
        full_name="aisle.llm.v1.LlmService",
        register=register,
        background=[
            ProbeProviders(made, health, clock),
            source.follow,
            flights.run,
            WatchLoad(admission, clock),
            *kept.background,
            *export,
            *deliver,
            *remember,
            *shared.background,
        ],
        doors=doors,
        more_names=kept.names,
    )


if __name__ == "__main__":
    settings = LlmSettings.load()
    serve.run(settings, lambda stack: build(settings, stack))
