"""Embeddings: our vectors as OpenAI's clients read them."""

import base64
import sys
from array import array
from typing import Any

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from bff.inputs import invalid, last_part
from bff.openai.completions import model_name
from bff.openai.schemas import EmbeddingRequest

_TEXTS_A_CALL = 256


async def embed(llm: LlmServiceStub, asked: EmbeddingRequest) -> dict[str, Any]:
    """Return the vectors of all texts, made by one model."""
    model = "" if asked.model == "auto" else model_name(asked.model)
    vectors: list[Any] = []
    tokens = 0
    for start in range(0, len(asked.texts), _TEXTS_A_CALL):
        texts = asked.texts[start : start + _TEXTS_A_CALL]
        reply = await llm.EmbedTexts(pb.EmbedTextsRequest(texts=texts, model=model))
        if asked.dimensions not in (None, reply.dimension):
            raise invalid("dimensions", f"{last_part(reply.model)} makes vectors of {reply.dimension} numbers only")
        # The rest must come from the same model, whatever the first choice was.
        model = reply.model
        vectors += [_encoded(embedding.values, asked.encoding_format) for embedding in reply.embeddings]
        tokens += reply.usage.input_tokens
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": last_part(model), "usage": usage}


def _encoded(values: Any, encoding: str) -> list[float] | str:
    if encoding == "base64":
        numbers = array("f", values)
        if sys.byteorder == "big":
            numbers.byteswap()
        return base64.b64encode(numbers.tobytes()).decode()
    return list(values)
