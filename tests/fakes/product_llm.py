"""An llm service for tests: vectors from words and a few synonyms, and a writer that says what it is told."""

import hashlib
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer
from services.runtime.errors import Precondition, Unavailable

DIMENSION = 384
# Words of one meaning share a direction.
_MEANINGS = {
    "cosy": "warm", "toasty": "warm", "feet": "slipper", "footwear": "slipper", "slippers": "slipper",
    "beverage": "tea", "drink": "tea", "mug": "cup", "mugs": "cup",
    "brew": "tea", "music": "speaker", "audio": "speaker",
}  # fmt: skip


def vector_of(text: str) -> list[float]:
    """Return a unit vector in which texts that share words, or meanings, are near each other."""
    values = [0.0] * DIMENSION
    for word in text.lower().replace(".", " ").replace(",", " ").split():
        meaning = _MEANINGS.get(word, word.rstrip("s"))
        digest = hashlib.sha256(meaning.encode()).digest()
        for start in range(0, 8, 2):
            place = int.from_bytes(digest[start : start + 2]) % DIMENSION
            values[place] += 1.0 if digest[start + 8] % 2 else -1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


class FakeLlm(LlmServiceServicer):
    """Answers until it is told to be away."""

    def __init__(self) -> None:
        self.away = False
        self.embedded: list[str] = []
        self.text = ""
        self.breaks_after = -1
        self.prompts: list[Sequence[Any]] = []

    async def EmbedTexts(self, request: Any, context: Any) -> Any:
        if self.away:
            raise Unavailable("PROVIDER_UNAVAILABLE", "No provider answers.")
        self.embedded += request.texts
        vectors = [llm.Embedding(values=vector_of(text)) for text in request.texts]
        return llm.EmbedTextsResponse(embeddings=vectors, model="models/fake", dimension=DIMENSION)

    async def GenerateText(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.prompts.append(request.messages)
        if not self.text:
            raise Precondition("NO_MODEL_OF_QUALITY", "No configured model is good enough.")
        yield llm.GenerateTextResponse(started=llm.GenerationStarted(model="models/fake-writer"))
        for number, word in enumerate(self.text.split(" ")):
            if number == self.breaks_after:
                raise Unavailable("PROVIDER_UNAVAILABLE", "The provider left.")
            yield llm.GenerateTextResponse(text_delta=word if number == 0 else f" {word}")
        yield llm.GenerateTextResponse(finished=llm.GenerationFinished(reason=llm.FINISH_REASON_STOP))
