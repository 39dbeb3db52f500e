"""What batches need from outside, in the service's own words."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from services.llm.domain.batch import Batch, BatchState, Claimed, Item, ItemState, NewItem, Outcome, Tally
from services.llm.domain.generation import Answer, Prompt, ProviderEvent, Wanted
from services.llm.domain.model import Model


class BatchReader(Protocol):
    """Batches inside one transaction that only reads."""

    async def find(self, key: str) -> Batch | None:
        """Return a batch."""
        ...

    async def tally(self, key: str) -> Tally:
        """Return a batch's items by state, with what they came to."""
        ...

    async def page(self, tenant: str, after: tuple[str, str] | None, limit: int) -> list[Batch]:
        """Return batches behind a (time of creation, key), newest first; of all tenants when none is named."""
        ...

    async def items(
        self, key: str, states: Sequence[ItemState], after: int, limit: int, answers: bool, most_bytes: int = 0
    ) -> list[Item]:
        """Return items behind a position; of answers no more than so many bytes, but at least one item."""
        ...

    async def runnable(self) -> list[Batch]:
        """Return the running batches that do not wait and have items that do, the longest running first."""
        ...

    async def left_to_provider(self, key: str) -> int:
        """Return how many items wait that the batch's provider may run as its own batch."""
        ...

    async def job_items(self, job: str, after: int, limit: int) -> list[Claimed]:
        """Return a job's items that have not ended, behind a position."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderJob:
    """A part of a batch that a provider runs as a batch of its own."""

    # Ours, given before the provider hears of it: the provider carries it, so that it is found again.
    key: str
    batch: str
    provider: str
    # The provider's own name for it; empty before it is known.
    handle: str = ""
    # Whether somebody may have created it before us.
    taken_over: bool = False


class BatchWriter(BatchReader, Protocol):
    """Batches inside one transaction that writes. Moments are those of the database: there is one clock."""

    async def add(self, batch: Batch, request_id: str) -> Batch:
        """Keep a new batch, or return the one that was created by this request."""
        ...

    async def lock(self, key: str) -> Batch | None:
        """Return a batch and keep others from changing it until the transaction ends."""
        ...

    async def add_items(self, key: str, items: Sequence[NewItem]) -> tuple[int, list[str]]:
        """Add items whose keys are new; return how many, and the keys that stand for another request."""
        ...

    async def move(self, key: str, state: BatchState, provider: str = "") -> None:
        """Put a batch into another state."""
        ...

    async def cancel_pending(self, key: str) -> int:
        """Cancel the items that wait."""
        ...

    async def wait_again(self, key: str, states: Sequence[ItemState], keys: Sequence[str]) -> int:
        """Make items wait again, of the given keys when any are given."""
        ...

    async def claim(self, key: str, holder: str, lease: float, limit: int, only_here: bool = False) -> list[Claimed]:
        """Take items that wait, oldest first, past those that others are taking; they are running once this commits.

        Of a batch that its provider runs it takes `only_here` those that the provider does not.
        """
        ...

    async def renew(self, holder: str, positions: Sequence[int], lease: float) -> None:
        """Let the leases that a holder has of items end in so many seconds from now."""
        ...

    async def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Keep how attempts ended. Those that were given up meanwhile count too while nobody began them anew."""
        ...

    async def lapsed(self, limit: int) -> list[Claimed]:
        """Return running items whose lease ran out, locked until the transaction ends."""
        ...

    async def pause(self, key: str, reason: str, resume_in: float, look_in: float) -> None:
        """Let a batch wait: seconds until there should be more, and until that is tried."""
        ...

    async def end_finished(self) -> None:
        """Put batches without anything left into their last state, and cancel what waits in cancelled ones."""
        ...

    async def open_job(self, batch: str, holder: str, lease: float, limit: int) -> tuple[ProviderJob, list[Claimed]]:
        """Take items that wait as one job of a provider; their leases are the job's."""
        ...

    async def run_here(self, job: str, positions: Sequence[int]) -> None:
        """Take items out of a provider's job: they wait again, for whoever runs items one by one."""
        ...

    async def take_job(self, holder: str, lease: float) -> ProviderJob | None:
        """Take a job that is due to be looked at and that nobody holds."""
        ...

    async def note_job(self, job: str, handle: str, look_in: float) -> None:
        """Keep the provider's name of a job, give the job back and say when to look at it again."""
        ...

    async def close_job(self, job: str, left: ItemState, reason: str = "") -> None:
        """End a job; its items that did not end get this state."""
        ...


class BatchBook(Protocol):
    """Opens transactions over batches. Raises Unavailable (DATABASE_AWAY) while the database is away."""

    def writing(self) -> AbstractAsyncContextManager[BatchWriter]:
        """Open a transaction that commits when the block ends well."""
        ...

    def reading(self) -> AbstractAsyncContextManager[BatchReader]:
        """Open a transaction that only reads."""
        ...


class ItemCodec(Protocol):
    """Reads requests as they are kept, and writes answers as they are kept."""

    def wanted(self, request: bytes) -> Wanted:
        """Return what a request wants."""
        ...

    def answer(self, asked: str, answer: Answer) -> bytes:
        """Return an answer as it is kept."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """How far a provider's batch is."""

    # Whether it has ended, however it did: its results, as far as there are any, can be read.
    ended: bool
    # Whether what has no result was never run and may be sent again: the time was over before its turn.
    unrun: bool = False
    # Why the provider refused the whole of it, as a word; empty when it did not.
    refused: str = ""


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """What a provider made of one item: the body of its answer, or how it failed."""

    key: str
    # The answer as a provider gives it; nothing when it failed.
    events: Sequence[ProviderEvent] = ()
    error_reason: str = ""
    # Whether it was never run: the batch was over before its turn.
    unrun: bool = False


class ProviderBatches(Protocol):
    """A provider's own batches. Raises ProviderFailed or PromptRefused, and nothing else."""

    # Items of one batch at the most and at the least; fewer are run one by one.
    most_items: int
    least_items: int

    def takes(self, prompt: Prompt) -> bool:
        """Return whether its batches answer such a prompt as they should; others are run one by one."""
        ...

    async def find(self, job: str) -> str | None:
        """Return the provider's name of the batch that carries our name, None when there is none and will be none."""
        ...

    async def submit(self, job: str, model: Model, prompts: Sequence[tuple[str, Prompt]]) -> str:
        """Create a batch that carries our name; return the provider's name of it. Never sends twice by itself."""
        ...

    async def status(self, handle: str) -> ProviderStatus:
        """Return how far it is."""
        ...

    def results(self, handle: str, model: Model) -> AsyncGenerator[ProviderResult, None]:
        """Yield what has ended so far, in any order."""
        ...

    async def cancel(self, handle: str) -> None:
        """Stop it; what was answered until then stays."""
        ...

    async def forget(self, handle: str) -> None:
        """Have the provider delete the questions and answers of a batch that has ended."""
        ...
