"""Where usage records wait and where they go, in memory."""

from collections.abc import Sequence

from services.runtime.errors import Invalid, Unavailable


class FakeUsageSpool:
    """Segments by name; what is written to is closed when told to."""

    def __init__(self, *segments: Sequence[bytes]) -> None:
        self.segments = {f"{number:03d}": list(records) for number, records in enumerate(segments)}
        self.open: list[bytes] = []
        self.refused: list[bytes] = []

    def closed(self) -> Sequence[str]:
        return sorted(self.segments)

    def read(self, segment: str) -> Sequence[bytes]:
        return list(self.segments[segment])

    def remove(self, segment: str) -> None:
        del self.segments[segment]

    def set_aside(self, record: bytes) -> None:
        self.refused.append(record)

    def seal(self) -> None:
        if self.open:
            self.segments[f"{len(self.segments):03d}"] = self.open
            self.open = []


class FakeUsageSink:
    """Keeps what is delivered; away as long as it is told, and never takes what it is told to refuse."""

    def __init__(self, refuse: Sequence[bytes] = ()) -> None:
        self.delivered: list[bytes] = []
        self.calls: list[int] = []
        self.failures_to_come = 0
        # Whether the answer to the next call gets lost after the records were kept.
        self.lose_answer = False
        self._refuse = set(refuse)

    async def deliver(self, records: Sequence[bytes]) -> None:
        self.calls.append(len(records))
        if self.failures_to_come:
            self.failures_to_come -= 1
            raise Unavailable("USAGE_STORE_UNAVAILABLE", "away")
        if self._refuse & set(records):
            raise Invalid("FIELD_INVALID", "no")
        self.delivered += records
        if self.lose_answer:
            self.lose_answer = False
            raise Unavailable("UNAVAILABLE", "lost")
