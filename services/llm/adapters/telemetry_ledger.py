"""The usage of every call as metrics by OpenTelemetry's conventions for generative AI, and one log line."""

import logging
from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Observation

from services.llm.adapters import genai_names as names
from services.llm.adapters.call_metrics import CallMetrics
from services.llm.domain.usage import UsageRecord
from services.runtime import telemetry

log = logging.getLogger("aisle.llm.usage")


class TelemetryLedger:
    """A `UsageLedger` that counts and logs. Records hold no text, so neither does what this writes."""

    def __init__(self) -> None:
        """Let the exporter find the figures."""
        self._metrics = CallMetrics()
        telemetry.sources.append(self._metrics.collected)

    def record(self, record: UsageRecord) -> None:
        """Count and log one call."""
        self._metrics.count(record)
        for step in record.degraded if record.outcome == "ok" else ():
            telemetry.degraded_answers.add(1, {telemetry.RPC_SERVICE: "aisle.llm.v1.LlmService", names.STEP: step})
        level = logging.INFO if record.outcome in names.WELL else logging.WARNING
        if log.isEnabledFor(level):
            log.log(level, "upstream call", extra={"data": _fields(record)})


class GatewayMetrics:
    """What the gateway refuses and whom it leaves alone: overload, budgets and breakers."""

    def __init__(self, open_breakers: Callable[[], list[str]], turned_away: Callable[[], Mapping[str, int]]) -> None:
        """Take what names the models that are not asked now, and what counts calls turned away by priority."""
        meter = telemetry.meter
        self._open, self._away = open_breakers, turned_away
        meter.create_observable_counter(
            names.TURNED_AWAY, [self._turned_away], description="Calls turned away because there was too much to do."
        )
        self._refusals = meter.create_counter(names.BUDGET_REFUSALS, description="Calls that a budget did not allow.")
        meter.create_observable_gauge(
            names.BREAKER_OPEN, [self._breakers], description="Models that are not asked at the moment."
        )

    def budget_refused(self, budget: str, what: str) -> None:
        """Count a call that a budget did not allow. The budget is the kind of budget, never whose it is."""
        self._refusals.add(1, {names.BUDGET: budget, names.WHY: what})

    def _turned_away(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, {names.PRIORITY: priority}) for priority, count in self._away().items()]

    def _breakers(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(1, {names.REQUEST_MODEL: model}) for model in self._open()]


def _fields(record: UsageRecord) -> dict[str, object]:
    return {
        "operation": record.operation,
        "provider": record.provider,
        "model": record.model,
        "use_case": record.use_case,
        "outcome": record.outcome,
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "estimated": record.usage.estimated,
        "cost_micros": record.cost_micros,
        "ms": round(record.seconds * 1000, 1),
        "first_token_ms": round(record.first_token_seconds * 1000, 1),
        "route_reason": record.route_reason,
        "degraded": list(record.degraded),
    }
