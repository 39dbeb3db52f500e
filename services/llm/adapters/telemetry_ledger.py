"""The usage of every upstream call, as metrics by OpenTelemetry's conventions for generative AI and one log line."""

import logging

from services.llm.domain.usage import UsageRecord
from services.runtime import telemetry

log = logging.getLogger("aisle.llm.usage")

TOKENS = "gen_ai.client.token.usage"
DURATION = "gen_ai.client.operation.duration"
FIRST_TOKEN = "gen_ai.server.time_to_first_token"  # noqa: S105 - the name of a metric
COST = "aisle.llm.cost"
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.response.model"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - the name of an attribute
OUTCOME = "aisle.outcome"
USE_CASE = "aisle.use_case"
STEP = "aisle.step"


class TelemetryLedger:
    """A `UsageLedger` that counts and logs. Records hold no text, so neither does what this writes."""

    def __init__(self) -> None:
        """Declare the instruments."""
        meter = telemetry.meter
        self._tokens = meter.create_counter(TOKENS, unit="{token}", description="Tokens read and written.")
        self._duration = meter.create_histogram(DURATION, unit="s", description="Time of a call to a provider.")
        self._first = meter.create_histogram(
            FIRST_TOKEN, unit="s", description="Time until a provider began to answer."
        )
        self._cost = meter.create_counter(COST, unit="uUSD", description="Money spent on calls, in micro-USD.")

    def record(self, record: UsageRecord) -> None:
        """Count and log one call."""
        who = {
            OPERATION: record.operation,
            PROVIDER: record.provider,
            MODEL: record.model,
            USE_CASE: record.use_case,
        }
        self._tokens.add(record.usage.input_tokens, {**who, TOKEN_TYPE: "input"})
        self._tokens.add(record.usage.output_tokens, {**who, TOKEN_TYPE: "output"})
        self._cost.add(record.cost_micros, who)
        # A failed call must never look like a fast one.
        self._duration.record(record.seconds, {**who, OUTCOME: record.outcome})
        if record.first_token_seconds:
            self._first.record(record.first_token_seconds, who)
        for step in record.degraded if record.outcome == "ok" else ():
            telemetry.degraded_answers.add(1, {telemetry.RPC_SERVICE: "aisle.llm.v1.LlmService", STEP: step})
        level = logging.INFO if record.outcome in ("ok", "left") else logging.WARNING
        log.log(level, "upstream call", extra={"data": _fields(record)})


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
