"""An embedder in memory with the fake llm's idea of meaning."""

from collections.abc import Sequence

from services.product.application.ports import Embedded
from services.product.domain.errors import embeddings_away
from tests.fakes.product_llm import vector_of


class FakeEmbedder:
    """Embeds until it is told to be away, and remembers what."""

    def __init__(self) -> None:
        self.away = False
        self.embedded: list[str] = []

    async def query(self, text: str) -> Embedded:
        return self._embed([text])

    async def passages(self, texts: Sequence[str]) -> Embedded:
        self.embedded += texts
        return self._embed(texts)

    def _embed(self, texts: Sequence[str]) -> Embedded:
        if self.away:
            raise embeddings_away("told to be")
        return Embedded([vector_of(text) for text in texts], "models/fake")
