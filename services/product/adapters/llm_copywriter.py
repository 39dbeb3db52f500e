"""Product texts from the llm service, through the mesh."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1 import model_pb2
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from services.product.application.ports import TextDelta, WriterEvent, WriterFinished, WriterStarted
from services.product.domain.copy_brief import CopyBrief, facts_sheet, instructions
from services.product.domain.errors import copywriter_away
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.product")

# Tokens a word takes at the most, so that a text is never cut off for being a little long.
_TOKENS_PER_WORD = 3
_TEMPERATURE = 0.6


class LlmCopywriter:
    """Writes through `llm.GenerateText`, by models of standard quality and better."""

    def __init__(self, channel: MeshChannel) -> None:
        """Take a channel to the llm service."""
        self._stub = LlmServiceStub(channel)

    async def write(self, brief: CopyBrief) -> AsyncGenerator[WriterEvent, None]:
        """Stream a text; leaving the iteration stops the model."""
        request = llm.GenerateTextRequest(
            messages=[
                llm.ChatMessage(role=llm.CHAT_ROLE_SYSTEM, text=instructions(brief)),
                llm.ChatMessage(role=llm.CHAT_ROLE_USER, text=facts_sheet(brief)),
            ],
            use_case=llm.USE_CASE_DESCRIPTION,
            min_quality=model_pb2.QUALITY_TIER_STANDARD,
            max_output_tokens=100 + brief.target_words * _TOKENS_PER_WORD,
            temperature=_TEMPERATURE,
        )
        try:
            async with aclosing(self._stub.GenerateText(request)) as stream:
                async for event in stream:
                    kind = event.WhichOneof("event")
                    if kind == "started":
                        yield WriterStarted(event.started.model)
                    elif kind == "text_delta":
                        yield TextDelta(event.text_delta)
                    elif kind == "finished":
                        yield WriterFinished(list(event.finished.degraded))
        except AisleError as error:
            log.warning("writing failed", extra={"data": {"reason": error.reason}})
            raise copywriter_away(error.reason) from error
