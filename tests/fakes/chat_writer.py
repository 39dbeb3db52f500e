"""A language model that writes what a test tells it to, obeying nobody else."""

import asyncio
from collections.abc import AsyncGenerator

from services.chat.domain.prompt import Prompt
from services.runtime.errors import AisleError, Precondition


class FakeWriter:
    """Streams a prepared text in small pieces; without one there is no such model."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text
        self.prompts: list[Prompt] = []
        # Raised once so many characters have been written.
        self.failure: AisleError | None = None
        self.fails_after = 0
        # Holds the stream before its last piece until a test lets it go.
        self.gate: asyncio.Event | None = None

    async def write(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        self.prompts.append(prompt)
        if self.text is None:
            raise self.failure or Precondition("NO_MODEL_OF_QUALITY", "There is no such model.")
        for start in range(0, len(self.text), 7):
            if self.failure is not None and start >= self.fails_after:
                raise self.failure
            if self.gate is not None and start + 7 >= len(self.text):
                await self.gate.wait()
            yield self.text[start : start + 7]
