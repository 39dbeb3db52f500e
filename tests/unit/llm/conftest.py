"""OpenAI's protocol on a port, with the real use cases behind it and a provider that says what it is told to."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
import pytest

from services.llm.adapters.settings_api_keys import SettingsApiKeys
from services.llm.application.complete_text import CompleteText
from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.generate_text import GenerateText
from services.llm.application.list_models import ListModels
from services.llm.domain.admission import Admission
from services.llm.domain.embedding import Embedded, EmbeddingLimits, VectorCache
from services.llm.domain.generation import Ended, FinishReason, Prompt, ProviderEvent, TextDelta
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Model, Quality
from services.llm.domain.usage import TokenUsage
from services.llm.servicer.openai_api.app import OpenAIApi, UseCases
from services.llm.servicer.openai_api.server import HttpServer
from tests.fakes.llm_models import BASIC, VECTORS, FixedModels
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeAnswerCache, FakeBudgets, surroundings

HELLO: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Returns?"}]
TINY = Model(
    **{
        name: getattr(BASIC, name)
        for name in BASIC.__slots__
        if name not in ("name", "provider_id", "tools", "vision", "structured_output", "context_tokens")
    },
    name="models/tiny",
    provider_id="tiny",
    tools=True,
    vision=True,
    structured_output=True,
    context_tokens=100_000,
)
USAGE = TokenUsage(7, 3, cached_input_tokens=4, reasoning_tokens=1)


@dataclass
class Scripted:
    """A provider that says what it is told to."""

    says: Sequence[ProviderEvent] = (
        TextDelta("Returns "),
        TextDelta("are free [1]."),
        Ended(FinishReason.LENGTH, USAGE),
    )
    failure: Exception | None = None
    cut_by: Exception | None = None
    prompts: list[Prompt] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    limits = EmbeddingLimits(texts_per_call=64, calls_at_once=2)

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        self.prompts.append(prompt)
        if self.failure is not None:
            raise self.failure
        try:
            for number, event in enumerate(self.says):
                if number == 1:
                    if self.cut_by is not None:
                        raise self.cut_by
                    await self.gate.wait()
                yield event
        finally:
            self.left.set()

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        return Embedded([[float(len(text)), 0.0, 0.0] for text in texts], 2)


@dataclass
class House:
    """The endpoint on a port, with the real use cases behind it."""

    provider: Scripted
    budgets: FakeBudgets
    ledger: FakeLedger
    admission: Admission
    api: OpenAIApi
    url: str
    client: httpx2.AsyncClient


@pytest.fixture
async def house() -> AsyncIterator[House]:
    provider, budgets, ledger, health = Scripted(), FakeBudgets(), FakeLedger(), HealthBook()
    provider.gate.set()
    models = FixedModels(TINY, VECTORS, prefer=Quality.BASIC)
    around = surroundings(models, {"local": provider}, health, ledger, lambda: 0.0, budgets)
    generate = GenerateText(around, FakeAnswerCache())
    embed = EmbedTexts(models, {"local": provider}, VECTORS.name, health, ledger, lambda: 0.0, VectorCache(0))
    listing = ListModels(models, health, lambda: 0.0)
    doings = UseCases(generate, CompleteText(generate), embed, listing)
    api = OpenAIApi(doings, SettingsApiKeys(["sk-one"]), around.admission, 4 << 20)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serving = asyncio.ensure_future(HttpServer(api, "127.0.0.1", port).serve())
    url = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient(base_url=url, headers={"Authorization": "Bearer sk-one"}, trust_env=False) as client:
        async with asyncio.timeout(5):
            while True:
                try:
                    assert (await client.get("/healthz")).status_code == 200
                    break
                except httpx2.TransportError:
                    await asyncio.sleep(0.01)
        yield House(provider, budgets, ledger, around.admission, api, url, client)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


@pytest.fixture
async def sdk(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="sk-one", max_retries=0) as client:
        yield client
