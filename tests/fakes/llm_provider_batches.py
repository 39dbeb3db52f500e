"""A `ProviderBatches` in memory: tests say when batches end, and how."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from services.llm.application.batch_ports import ProviderResult, ProviderStatus
from services.llm.domain.errors import FailureKind, PromptRefused, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Prompt, TextDelta
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

TOKENS = (20, 10)


@dataclass
class Kept:
    """A batch as the provider keeps it."""

    job: str
    prompts: list[tuple[str, Prompt]]
    status: ProviderStatus = field(default_factory=lambda: ProviderStatus(ended=False))
    results: list[ProviderResult] = field(default_factory=list)
    stopping: bool = False


@dataclass
class FakeProviderBatches:
    """Batches of one test."""

    most_items: int = 5_000
    least_items: int = 1
    batches: dict[str, Kept] = field(default_factory=dict)
    # Batches whose questions and answers are still there.
    files: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    silent_once: bool = False
    refused: Exception | None = None

    def takes(self, prompt: Prompt) -> bool:
        return not prompt.tools

    async def find(self, job: str) -> str | None:
        return next((handle for handle, kept in self.batches.items() if kept.job == job), None)

    async def submit(self, job: str, model: Model, prompts: Sequence[tuple[str, Prompt]]) -> str:
        if self.refused is not None:
            raise self.refused
        handle = f"batch-{len(self.batches)}"
        self.batches[handle] = Kept(job, list(prompts))
        self.files.add(handle)
        if self.silent_once:
            self.silent_once = False
            raise ProviderFailed(FailureKind.TIMED_OUT)
        return handle

    async def status(self, handle: str) -> ProviderStatus:
        return self._kept(handle).status

    async def results(self, handle: str, model: Model) -> AsyncGenerator[ProviderResult, None]:
        for result in self._kept(handle).results:
            yield result

    async def cancel(self, handle: str) -> None:
        self._kept(handle).stopping = True

    async def forget(self, handle: str) -> None:
        self._kept(handle)
        self.files.discard(handle)

    def end(self, how: str = "completed", answered: int | None = None) -> None:
        """End every batch that runs: so many of its questions are answered, all when nothing else is said."""
        for kept in self.batches.values():
            if kept.status.ended:
                continue
            run = kept.prompts if answered is None else kept.prompts[:answered]
            kept.results = [self._result(key, prompt) for key, prompt in run] if how != "failed" else []
            unrun = how == "expired" or kept.stopping
            kept.status = ProviderStatus(True, unrun=unrun, refused="failed" if how == "failed" else "")

    def _result(self, key: str, prompt: Prompt) -> ProviderResult:
        asked = prompt.messages[-1].text
        if code := self.failing.get(asked):
            return ProviderResult(key, error_reason="PROVIDER_REFUSED" if code < 429 else "PROVIDER_UNAVAILABLE")
        return ProviderResult(key, [TextDelta(f"About {asked}."), Ended(FinishReason.STOP, TokenUsage(*TOKENS))])

    def _kept(self, handle: str) -> Kept:
        if handle not in self.batches:
            raise ProviderFailed(FailureKind.GONE)
        return self.batches[handle]


REFUSED = PromptRefused("refused")
