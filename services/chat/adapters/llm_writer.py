"""Text from a language model that follows instructions, through the llm service."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from aisle.llm.v1.model_pb2 import QUALITY_TIER_STANDARD
from services.chat.domain.prompt import Prompt
from services.chat.domain.text import clean
from services.runtime.channel import MeshChannel

_MAX_TOKENS = 350
_TEMPERATURE = 0.2
_SECONDS = 60.0


class LlmWriter:
    """Streams what a model of at least standard quality writes."""

    def __init__(self, channel: MeshChannel) -> None:
        """Take the channel to the llm service."""
        self._stub = LlmServiceStub(channel)

    async def write(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """Stream the text; leaving stops the model."""
        request = pb.GenerateTextRequest(
            messages=[
                pb.ChatMessage(role=pb.CHAT_ROLE_SYSTEM, text=prompt.instructions),
                pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=prompt.material),
            ],
            use_case=pb.USE_CASE_CHAT_SUPPORT,
            min_quality=QUALITY_TIER_STANDARD,
            max_output_tokens=_MAX_TOKENS,
            temperature=_TEMPERATURE,
        )
        async with aclosing(self._stub.GenerateText(request, timeout=_SECONDS)) as stream:
            async for event in stream:
                if event.WhichOneof("event") == "text_delta":
                    yield _readable(event.text_delta)


def _readable(delta: str) -> str:
    """Return a piece of text without what cannot be seen; its outer spaces matter."""
    cleaned = clean(f"|{delta}|")
    return cleaned[1:-1]
