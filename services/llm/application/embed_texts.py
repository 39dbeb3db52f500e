"""Embeds texts with one model: bulk work in small calls, a query never behind more than one of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.llm.application.ports import Budgets, Clock, EmbeddingProvider, ModelSource, UsageLedger
from services.llm.domain import embedding, errors
from services.llm.domain.budget import Amount, BudgetSpent, Reservation, Scope
from services.llm.domain.embedding import QUERY_TEXTS, Embedded, Vector, VectorCache
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import SHOP, Priority
from services.llm.domain.health import HealthBook
from services.llm.domain.model import AUTO, Kind, Model
from services.llm.domain.pricing import cost_micros
from services.llm.domain.usage import TokenUsage, UsageRecord, estimate_tokens


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """The vectors, in the order of the texts, and the one model that made them."""

    model: Model
    vectors: Sequence[Vector]
    usage: TokenUsage


@dataclass(slots=True)
class _Work:
    """One request on its way: what is known already, and what has to be asked for."""

    model: Model
    provider: EmbeddingProvider
    query: bool
    scope: Scope
    vectors: dict[str, Vector] = field(default_factory=dict)
    input_tokens: int = 0
    estimated: bool = False


class EmbedTexts:
    """Turns texts into vectors of unit length."""

    def __init__(
        self,
        models: ModelSource,
        providers: Mapping[str, EmbeddingProvider],
        default_model: str,
        health: HealthBook,
        ledger: UsageLedger,
        clock: Clock,
        cache: VectorCache,
        budgets: Budgets | None = None,
    ) -> None:
        """Take the models, who runs them by provider name, and the model to use when a caller names none."""
        self._budgets = budgets
        self._models = models
        self._providers = providers
        self._default_model = default_model
        self._health = health
        self._ledger = ledger
        self._clock = clock
        self._cache = cache
        self._lanes = {name: asyncio.Semaphore(one.limits.calls_at_once) for name, one in providers.items()}

    async def __call__(
        self, texts: Sequence[str], model_name: str = "", batch: bool = False, scope: Scope | None = None
    ) -> EmbeddedTexts:
        """Return one vector per text. `batch` says that nobody waits; `scope` says whose budgets pay, by default the
        shop's.
        """
        model = self._model(model_name)
        prepared = [embedding.prepared(text) for text in texts]
        query = not batch and len(texts) <= QUERY_TEXTS
        work = _Work(model, self._providers[model.provider], query, scope or Scope(SHOP))
        if query:
            remembered = ((text, self._cache.get(model.name, text)) for text in prepared)
            work.vectors = {text: vector for text, vector in remembered if vector is not None}
        # A text that stands in the request twice is paid for once.
        missing = list(dict.fromkeys(text for text in prepared if text not in work.vectors))
        if missing:
            await self._embed(work, missing)
        usage = TokenUsage(work.input_tokens, 0, work.estimated)
        return EmbeddedTexts(model, [work.vectors[text] for text in prepared], usage)

    def _model(self, name: str) -> Model:
        """Return the model to use; there is no second choice, as vectors of two models do not mix."""
        asked = name if name not in ("", AUTO) else self._default_model
        model = self._models.configured().find(asked)
        if model is None and name in ("", AUTO):
            raise errors.no_embedding_model()
        if model is None:
            raise errors.model_not_found(name)
        if model.kind is not Kind.EMBEDDING:
            raise errors.kind_mismatch(name, "vectors")
        return model

    async def _embed(self, work: _Work, texts: Sequence[str]) -> None:
        """Ask the provider, and note what it came to."""
        state = self._health.of(work.model, self._clock())
        if not state.usable:
            raise errors.provider_unavailable([(work.model.name, state.why)], state.retry_after)
        held = await self._reserved(work, texts)
        started, outcome = self._clock(), "left"
        try:
            await self._all(work, texts)
            outcome = "ok"
            self._health.succeeded(work.model)
        except ProviderFailed as failure:
            outcome, now = failure.kind.value, self._clock()
            self._health.failed(work.model, failure.kind, now, failure.retry_after)
            wait = self._health.of(work.model, now).retry_after
            raise errors.provider_unavailable([(work.model.name, f"was {failure}")], wait) from None
        except PromptTooLong:
            outcome = "too long"
            longest = max(estimate_tokens(text) for text in texts)
            raise errors.context_too_long(longest, work.model.context_tokens) from None
        except PromptRefused as refused:
            outcome = "refused"
            raise errors.provider_refused(work.model.name, refused.code) from None
        finally:
            record = _record(work, outcome, self._clock() - started)
            if held is not None and self._budgets is not None:
                self._budgets.settle(held, Amount(record.usage.input_tokens, record.cost_micros))
            self._ledger.record(record)

    async def _reserved(self, work: _Work, texts: Sequence[str]) -> Reservation | None:
        """Set aside what a call may cost; models that cost nothing are nobody's to budget. Raises Exhausted."""
        usage = TokenUsage(sum(map(estimate_tokens, texts)))
        micros = cost_micros(work.model.price, usage)
        if self._budgets is None or not micros:
            return None
        priority = Priority.INTERACTIVE if work.query else Priority.BATCH
        try:
            return await self._budgets.reserve(work.scope, Amount(usage.input_tokens, micros), priority)
        except BudgetSpent as spent:
            raise errors.budget_spent(spent.budget, spent.what, spent.retry_after) from None

    async def _all(self, work: _Work, texts: Sequence[str]) -> None:
        """Ask at once for a query, in small calls a few at a time for anything larger."""
        if work.query:
            await self._call(work, texts)
            for text in texts:
                self._cache.put(work.model.name, text, work.vectors[text])
            return
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in embedding.chunks(texts, work.provider.limits.texts_per_call):
                    group.create_task(self._in_lane(work, chunk))
        except BaseExceptionGroup as failures:
            # One failure stands for all: the first ends the others.
            raise failures.exceptions[0] from None

    async def _in_lane(self, work: _Work, chunk: Sequence[str]) -> None:
        async with self._lanes[work.model.provider]:
            await self._call(work, chunk)

    async def _call(self, work: _Work, texts: Sequence[str]) -> None:
        found = await work.provider.embed(work.model, texts, work.query)
        _check(work.model, texts, found)
        work.vectors.update(zip(texts, map(embedding.unit, found.vectors), strict=True))
        work.estimated = work.estimated or not found.input_tokens
        work.input_tokens += found.input_tokens or sum(map(estimate_tokens, texts))


def _check(model: Model, texts: Sequence[str], found: Embedded) -> None:
    """Refuse vectors that would poison an index: too few, or of another length than the table says."""
    if len(found.vectors) != len(texts) or any(len(vector) != model.dimension for vector in found.vectors):
        raise ProviderFailed(FailureKind.BROKEN)


def _record(work: _Work, outcome: str, seconds: float) -> UsageRecord:
    usage = TokenUsage(work.input_tokens, 0, work.estimated)
    return UsageRecord(
        operation="embeddings",
        model=work.model.name,
        provider=work.model.provider,
        use_case="query" if work.query else "bulk",
        outcome=outcome,
        usage=usage,
        cost_micros=cost_micros(work.model.price, usage),
        seconds=seconds,
        price_date=work.model.price.date,
        tenant=work.scope.tenant,
        user=work.scope.user,
        api_key=work.scope.api_key,
    )
