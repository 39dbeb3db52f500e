"""Starts the llm service: settings, providers, use cases, servicer."""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

from aisle.llm.v1.llm_service_pb2_grpc import add_LlmServiceServicer_to_server
from services.llm.adapters.local_provider import LocalProvider
from services.llm.adapters.telemetry_ledger import TelemetryLedger
from services.llm.adapters.yaml_models import PACKAGED, BadModelsFile, YamlModels
from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.generate_text import GenerateText
from services.llm.application.list_models import ListModels
from services.llm.application.ports import EmbeddingProvider, ProbedProvider, TextProvider
from services.llm.application.probe_providers import ProbeProviders
from services.llm.domain.embedding import VectorCache
from services.llm.domain.health import HealthBook
from services.llm.servicer.generation import LlmServicer
from services.llm.settings import LlmSettings
from services.runtime import serve


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

        key = settings.openai_api_key.get_secret_value()
        made["openai"] = await stack.enter_async_context(OpenAIProvider(key, settings.openai_base_url, timeout))
    if "bedrock" in configured:
        from services.llm.adapters.bedrock_provider import BedrockProvider

        region, threads, url = settings.bedrock_region, settings.bedrock_threads, settings.bedrock_endpoint_url
        made["bedrock"] = await stack.enter_async_context(BedrockProvider(region, timeout, threads, url))
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


async def build(settings: LlmSettings, stack: AsyncExitStack) -> serve.Service:
    """Introduce everybody to each other."""
    source, health, ledger, clock = models(settings), HealthBook(), TelemetryLedger(), time.monotonic
    made = await providers(settings, stack)
    cache = VectorCache(settings.vector_cache)
    embed = EmbedTexts(source, made, settings.embedding_model, health, ledger, clock, cache)
    servicer = LlmServicer(GenerateText(source, made, health, ledger, clock), embed, ListModels(source, health, clock))
    return serve.Service(
        full_name="aisle.llm.v1.LlmService",
        register=lambda server: add_LlmServiceServicer_to_server(servicer, server),
        background=[ProbeProviders(made, health)],
    )


if __name__ == "__main__":
    settings = LlmSettings.load()
    serve.run(settings, lambda stack: build(settings, stack))
