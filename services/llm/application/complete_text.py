"""Generates text for callers that show nothing before the end: the whole answer, or an error, and never a part."""

from contextlib import aclosing
from dataclasses import replace

from services.llm.application.generate_text import Gathered, GenerateText
from services.llm.domain.generation import Answer, Wanted


class CompleteText:
    """Returns a whole answer."""

    def __init__(self, generate: GenerateText) -> None:
        """Take the use case that streams."""
        self._generate = generate

    async def __call__(self, wanted: Wanted) -> Answer:
        """Return the answer. Nothing has been shown, so a model that fails in the middle may be begun anew."""
        gathered = Gathered()
        async with aclosing(self._generate(replace(wanted, stream=False, accepts_restart=True))) as events:
            async for event in events:
                gathered.add(event)
        return gathered.answer()
