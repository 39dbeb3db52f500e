"""Batches: many requests that nobody waits for, how far each is, and how one that was on its way is named for ever."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum

from services.llm.domain.generation import SHOP
from services.llm.domain.model import AUTO, Kind, ModelTable, Quality
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import AisleError, FieldViolation, Invalid, NotFound, Precondition

# Items of one batch.
MOST_ITEMS = 100_000
# An item is repeated unasked only while it was begun less often: what kills its worker must not do so for ever.
MOST_ATTEMPTS = 3
INTERRUPTED = "INTERRUPTED"
NOTHING = TokenUsage(0)
_SPACE = uuid.UUID("5d0f3a5e-2d4c-5c55-9a35-0c8e0b8d1f71")


class BatchState(IntEnum):
    """How far a batch is, as it is kept."""

    OPEN = 1
    RUNNING = 2
    CANCELLING = 3
    CANCELLED = 4
    ENDED = 5


class ItemState(IntEnum):
    """How far an item is, as it is kept; the numbers are those of the contract."""

    PENDING = 1
    RUNNING = 2
    DONE = 3
    FAILED = 4
    INTERRUPTED = 5
    CANCELLED = 6


ENDED = (ItemState.DONE, ItemState.FAILED, ItemState.INTERRUPTED, ItemState.CANCELLED)
REPEATABLE = (ItemState.FAILED, ItemState.INTERRUPTED)


class Interrupted(Enum):
    """What becomes of items whose end nobody saw; the numbers are those of the contract."""

    # Repeated when no model that may answer costs anything, else kept.
    REPEAT_FREE = 0
    KEEP = 1
    # Repeated whatever it costs: the submitter would rather pay twice than miss an answer.
    REPEAT = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch without its items."""

    key: str
    display_name: str
    create_time: datetime
    use_case: str = "default"
    model: str = ""
    min_quality: Quality = Quality.ANY
    tenant: str = SHOP
    user: str = ""
    interrupted: Interrupted = Interrupted.REPEAT_FREE
    state: BatchState = BatchState.OPEN
    # Who runs it by batches of its own; empty when items are run one by one.
    provider: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    # Why it waits, and until when as far as anybody knows; empty while it does not.
    wait_reason: str = ""
    resume_time: datetime | None = None

    @property
    def lane(self) -> str:
        """Name what its items compete for: batches of one lane share the pace of one model."""
        return self.model if self.model not in ("", AUTO) else f"{self.use_case}/{self.min_quality.name}"


@dataclass(frozen=True, slots=True)
class Tally:
    """A batch's items by state, and what they came to."""

    counts: dict[ItemState, int]
    cost_micros: int = 0
    usage: TokenUsage = NOTHING
    # Items that ended within the last minute, and the seconds since the first of them began to count.
    ended_lately: int = 0
    lately_seconds: float = 0.0

    @property
    def total(self) -> int:
        """Return how many items there are."""
        return sum(self.counts.values())

    @property
    def left(self) -> int:
        """Return how many items have not ended."""
        return self.counts.get(ItemState.PENDING, 0) + self.counts.get(ItemState.RUNNING, 0)

    @property
    def progress(self) -> float:
        """Return the part of the items that have ended."""
        return (self.total - self.left) / self.total if self.total else 0.0

    def seconds_left(self) -> float | None:
        """Return how long the rest takes at the pace of the last minute, None when nothing ended in it."""
        if not self.left:
            return 0.0
        if not self.ended_lately or self.lately_seconds <= 0:
            return None
        return self.left * self.lately_seconds / self.ended_lately


@dataclass(frozen=True, slots=True)
class NewItem:
    """A request that is to be added; it is kept as it came."""

    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is shown."""

    key: str
    position: int
    state: ItemState
    attempt: int
    cost_micros: int = 0
    usage: TokenUsage = NOTHING
    error_reason: str = ""
    error_message: str = ""
    answer: bytes = b""
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """An item on its way: nobody else runs it while the lease holds."""

    position: int
    batch: str
    key: str
    attempt: int
    request: bytes

    @property
    def record_id(self) -> str:
        """Name the one record of what this attempt took, the same for whoever writes it."""
        return record_id(self.batch, self.key, self.attempt)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. With state PENDING nobody began to work on it, and it waits again."""

    position: int
    attempt: int
    state: ItemState
    answer: bytes = b""
    usage: TokenUsage = NOTHING
    cost_micros: int = 0
    error_reason: str = ""
    error_message: str = ""


def part_size(waiting: int, most: int, least: int) -> int:
    """Return how many of the items that wait are sent as one part: as few parts as can be, none too small.

    So many that the last part is as large as the others: a rest of fewer than `least` could not be sent.
    """
    parts = min(-(-waiting // most), max(1, waiting // least))
    return -(-waiting // parts) if waiting else 0


def record_id(batch: str, key: str, attempt: int) -> str:
    """Return the id of the usage record of one attempt of one item."""
    return str(uuid.uuid5(_SPACE, f"{batch}/{key}/{attempt}"))


def is_free(batch: Batch, table: ModelTable) -> bool:
    """Return whether no model that may answer the batch costs anything, so that repeating costs nothing either."""
    named = table.find(batch.model) if batch.model not in ("", AUTO) else None
    floor = max(batch.min_quality, named.quality) if named else batch.min_quality
    models = [model for model in table.of_kind(Kind.TEXT) if model.quality >= floor]
    return bool(models) and all(model.price.rates.free and not model.price.per_call for model in models)


def may_repeat(batch: Batch, item: Claimed, table: ModelTable) -> bool:
    """Return whether an item whose end nobody saw is run again without asking anybody."""
    if item.attempt >= MOST_ATTEMPTS or batch.interrupted is Interrupted.KEEP:
        return False
    return batch.interrupted is Interrupted.REPEAT or is_free(batch, table)


def batch_not_found(key: str) -> AisleError:
    """Return the refusal of a batch that does not exist."""
    return NotFound("BATCH_NOT_FOUND", "There is no batch {batch}.", batch=f"batches/{key}")


def wrong_state(batch: Batch, wanted: str) -> AisleError:
    """Return the refusal of what the batch's state does not allow."""
    return Precondition(
        "BATCH_STATE",
        "{batch} is {state}: it cannot be {wanted}.",
        batch=f"batches/{batch.key}",
        state=batch.state.name.lower(),
        wanted=wanted,
    )


def key_reused(keys: Sequence[str]) -> AisleError:
    """Return the refusal of items whose keys stand for other requests."""
    violation = FieldViolation("items.key", f"{keys[0]} stands for another request of the batch")
    return Invalid("BATCH_KEY_REUSED", "The key {key} stands for another request.", [violation], key=keys[0])


def too_large(key: str) -> AisleError:
    """Return the refusal of more items than a batch may have."""
    return Precondition(
        "BATCH_TOO_LARGE", "{batch} has {most} items, and takes no more.", batch=f"batches/{key}", most=str(MOST_ITEMS)
    )
