"""Usage records and figures of the contract to the domain and back."""

from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from aisle.analytics.v1 import usage_pb2 as pb
from services.analytics.domain.usage import Dimension, Figures, UsageFilter, UsageRecord
from services.analytics.servicer.events import kept

_DIMENSION = "USAGE_DIMENSION_"
# What nobody can mean: a provider that counts wildly must not make sums impossible.
_MOST = 10**12


def record_of(message: pb.UsageRecord) -> UsageRecord:
    """Return the record of a message. Raises ValueError for a time outside the calendar."""
    return UsageRecord(
        id=UUID(message.record_id),
        time=message.record_time.ToDatetime(UTC),
        operation=kept(message.operation),
        provider=kept(message.provider),
        model=kept(message.model),
        use_case=kept(message.use_case),
        outcome=kept(message.outcome),
        tenant=kept(message.tenant),
        user=kept(message.user),
        api_key=kept(message.api_key),
        prompt_version=kept(message.prompt_version),
        cache=message.cache,
        input_tokens=min(message.input_tokens, _MOST),
        output_tokens=min(message.output_tokens, _MOST),
        cached_input_tokens=min(message.cached_input_tokens, _MOST),
        cache_write_tokens=min(message.cache_write_tokens, _MOST),
        cache_write_1h_tokens=min(message.cache_write_1h_tokens, _MOST),
        reasoning_tokens=min(message.reasoning_tokens, _MOST),
        estimated=message.estimated,
        cost_micros=min(message.cost_micros, _MOST),
        saved_micros=min(message.saved_micros, _MOST),
        latency=min(message.latency_microseconds, _MOST),
        first_token=min(message.first_token_microseconds, _MOST),
        route_reason=kept(message.route_reason),
        degraded=tuple(kept(step) for step in message.degraded),
        attempt=message.attempt,
        hedge=message.hedge,
        batch=message.batch,
        price_date=kept(message.price_date),
    )


def record_message(record: UsageRecord) -> pb.UsageRecord:
    """Return a record as a message."""
    message = pb.UsageRecord(
        record_id=str(record.id),
        operation=record.operation,
        provider=record.provider,
        model=record.model,
        use_case=record.use_case,
        outcome=record.outcome,
        tenant=record.tenant,
        user=record.user,
        api_key=record.api_key,
        prompt_version=record.prompt_version,
        cache=record.cache,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_input_tokens=record.cached_input_tokens,
        cache_write_tokens=record.cache_write_tokens,
        cache_write_1h_tokens=record.cache_write_1h_tokens,
        reasoning_tokens=record.reasoning_tokens,
        estimated=record.estimated,
        cost_micros=record.cost_micros,
        saved_micros=record.saved_micros,
        latency_microseconds=record.latency,
        first_token_microseconds=record.first_token,
        route_reason=record.route_reason,
        degraded=record.degraded,
        attempt=record.attempt,
        hedge=record.hedge,
        batch=record.batch,
        price_date=record.price_date,
    )
    message.record_time.FromDatetime(record.time)
    return message


def dimension_of(number: pb.UsageDimension.ValueType) -> Dimension:
    """Return the dimension of its number."""
    return Dimension(pb.UsageDimension.Name(number).removeprefix(_DIMENSION).lower())


def filter_of(message: pb.UsageFilter) -> UsageFilter:
    """Return the filter of a message."""
    return UsageFilter(
        models=_texts(message.models),
        providers=_texts(message.providers),
        use_cases=_texts(message.use_cases),
        users=_texts(message.users),
        tenants=_texts(message.tenants),
        api_keys=_texts(message.api_keys),
        prompt_versions=_texts(message.prompt_versions),
        outcomes=_texts(message.outcomes),
        operations=_texts(message.operations),
        caches=_texts(message.caches),
        failed_only=message.failed_only,
    )


def row_message(keys: Sequence[str], figures: Figures) -> pb.UsageRow:
    """Return a group as a message."""
    return pb.UsageRow(keys=keys, figures=figures_message(figures))


def figures_message(figures: Figures) -> pb.UsageFigures:
    """Return figures as a message."""
    sums = figures.sums
    return pb.UsageFigures(
        calls=figures.calls,
        ok_calls=figures.ok,
        failed_calls=figures.failed,
        failures=[pb.UsageFailure(outcome=outcome, calls=calls) for outcome, calls in figures.failures.items()],
        left_calls=figures.left,
        outrun_calls=figures.outrun,
        exact_hits=figures.hits.get("exact", 0),
        similar_hits=figures.hits.get("similar", 0),
        shared_hits=figures.hits.get("shared", 0),
        cache_misses=figures.misses,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cached_input_tokens=sums.cached_input_tokens,
        reasoning_tokens=sums.reasoning_tokens,
        cost_micros=sums.cost_micros,
        saved_micros=sums.saved_micros,
        first_token_p50_seconds=figures.first_token_p50,
        first_token_p95_seconds=figures.first_token_p95,
        latency_p50_seconds=figures.latency_p50,
        latency_p95_seconds=figures.latency_p95,
        hedges=sums.hedges,
        attempts_per_answer=figures.attempts_per_answer,
        degraded_share=figures.degraded_share,
        estimated_calls=sums.estimated,
    )


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(kept(value) for value in values)
