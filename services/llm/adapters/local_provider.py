"""The model server of the embedded stack. It speaks OpenAI's API over loopback."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from services.llm.adapters.openai_wire import OpenAIWire
from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.generation import Prompt, ProviderEvent
from services.llm.domain.model import Model

_CONNECT_SECONDS = 1.0
# Longer than a busy machine takes to answer; a server that is gone refuses at once.
_PROBE_SECONDS = 4.0
# The encoder reads a few hundred tokens at the most, the server refuses what is much longer.
_READ_CHARACTERS = 8_192
_SEEDS = 2**32


class LocalProvider:
    """A `TextProvider` and `EmbeddingProvider` over the model server."""

    # The server keeps a lane for queries; two calls of bulk work keep its other lane busy, and no longer.
    limits = EmbeddingLimits(texts_per_call=64, calls_at_once=2)
    probe_seconds = 5.0

    def __init__(self, url: str, timeout: float) -> None:
        """Take the server's address including its version path, and the longest silence in seconds."""
        self._wire = OpenAIWire(url, {}, timeout, _CONNECT_SECONDS)

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._wire.__aexit__(kind, error, trace)

    def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Yield an answer, streamed whoever asks: on a slow processor every token is a sign of life."""
        if prompt.seed is not None:
            prompt = replace(prompt, seed=prompt.seed % _SEEDS)
        return self._wire.generate(model, prompt, True)

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return the vectors of the texts."""
        return await self._wire.embed(model, [text[:_READ_CHARACTERS] for text in texts])

    async def offered(self) -> frozenset[str] | None:
        """Return the ids the server lists."""
        return await self._wire.offered(_PROBE_SECONDS)
