"""A writer that writes what it is given, stops in the middle, or is not there."""

from collections.abc import AsyncGenerator

from services.product.application.ports import TextDelta, WriterEvent, WriterFinished, WriterStarted
from services.product.domain.copy_brief import CopyBrief
from services.product.domain.errors import copywriter_away


class FakeCopywriter:
    """Writes `text`; nothing means away. Breaks after so many words."""

    def __init__(self, text: str = "", breaks_after: int = -1) -> None:
        self.text = text
        self.breaks_after = breaks_after
        self.closed = False

    async def write(self, brief: CopyBrief) -> AsyncGenerator[WriterEvent, None]:
        try:
            if not self.text:
                raise copywriter_away("NO_MODEL_OF_QUALITY")
            yield WriterStarted("models/writer")
            for number, word in enumerate(self.text.split(" ")):
                if number == self.breaks_after:
                    raise copywriter_away("PROVIDER_UNAVAILABLE")
                yield TextDelta(word if number == 0 else f" {word}")
            yield WriterFinished([])
        finally:
            self.closed = True
