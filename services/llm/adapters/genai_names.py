"""The names of metrics, spans and attributes about calls to models, all in one place.

Those that begin with `gen_ai` are OpenTelemetry's conventions for generative AI as published with its semantic
conventions 1.42, the last release that held them before they moved to a repository of their own; they are still marked
as in development, so a later name is a change to this file. `aisle.*` stands where the conventions are silent.
"""

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - the name of an attribute
ERROR_TYPE: Final = "error.type"

TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105 - the name of a metric
DURATION: Final = "gen_ai.client.operation.duration"
FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
PER_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"

# Bounds of the histograms as the conventions give them.
TOKEN_BOUNDS: Final = tuple(float(4**n) for n in range(14))
SECOND_BOUNDS: Final = tuple(0.01 * 2**n for n in range(14))

# Providers as the conventions call them; others keep our own name.
PROVIDERS: Final = {"bedrock": "aws.bedrock", "openai": "openai"}

COST: Final = "aisle.llm.cost"
SAVED: Final = "aisle.llm.saved"
CALLS: Final = "aisle.llm.calls"
CACHE: Final = "aisle.llm.cache"
ATTEMPTS: Final = "aisle.llm.attempts"
ATTEMPT_BOUNDS: Final = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
BREAKER_OPEN: Final = "aisle.llm.breaker.open"
TURNED_AWAY: Final = "aisle.llm.turned_away"
PRIORITY: Final = "aisle.priority"
BUDGET_REFUSALS: Final = "aisle.llm.budget.refusals"
USAGE_LOST: Final = "aisle.llm.usage.lost"
USAGE_REFUSED: Final = "aisle.llm.usage.refused"
SPANS_LOST: Final = "aisle.llm.spans.lost"
SPOOL_BYTES: Final = "aisle.llm.usage.spool.size"

USE_CASE: Final = "aisle.use_case"
OUTCOME: Final = "aisle.outcome"
STEP: Final = "aisle.step"
WHY: Final = "aisle.why"
BUDGET: Final = "aisle.budget"
ATTEMPT: Final = "aisle.llm.attempt"
HEDGE: Final = "aisle.llm.hedge"
CACHE_OUTCOME: Final = "aisle.llm.cache.outcome"
ROUTE_REASON: Final = "aisle.llm.route_reason"

# Outcomes of calls that did not fail.
WELL = ("ok", "left", "outrun")
