"""One call to one provider: what it was asked, how far it came, and the record it leaves whoever ends it."""

from dataclasses import dataclass

from services.llm.application.ports import CallSpan
from services.llm.domain.budget import Reservation
from services.llm.domain.generation import Ended, Priority, Prompt, Wanted
from services.llm.domain.routing import Route
from services.llm.domain.usage import TokenUsage, UsageRecord, estimate_conversation

LEFT = "left"


@dataclass(slots=True)
class Attempt:
    """What one model did with a prompt, as far as it came. Times are seconds of one monotonic clock."""

    route: Route
    wanted: Wanted
    prompt: Prompt
    number: int
    started_at: float
    reservation: Reservation
    degraded: tuple[str, ...] = ()
    hedge: bool = False
    first_token_at: float = 0.0
    output_tokens: int = 0
    chunks: int = 0
    # Whether a part of its usage had no price.
    unpriced: bool = False
    ended: Ended | None = None
    outcome: str = LEFT
    span: CallSpan | None = None

    def usage(self) -> TokenUsage:
        """Return what the provider counted, or an estimate; of an answer without a token nothing is charged."""
        if self.ended is not None and self.ended.usage is not None:
            return self.ended.usage
        if self.ended is None and not self.first_token_at:
            return TokenUsage(0, 0, estimated=True)
        texts = (message.text for message in self.prompt.messages)
        return TokenUsage(estimate_conversation(texts), self.output_tokens, estimated=True)

    def record(self, now: float, usage: TokenUsage, micros: int) -> UsageRecord:
        """Return the attempt's record."""
        wanted, model = self.wanted, self.route.model
        return UsageRecord(
            operation="chat",
            model=model.name,
            provider=model.provider,
            use_case=wanted.use_case,
            outcome=self.outcome,
            usage=usage,
            cost_micros=micros,
            seconds=now - self.started_at,
            first_token_seconds=self.first_token_at - self.started_at if self.first_token_at else 0.0,
            route_reason=self.route.reason,
            degraded=self.degraded,
            tenant=wanted.tenant,
            user=wanted.user,
            api_key=wanted.api_key,
            prompt_version=wanted.prompt_version,
            attempt=self.number,
            hedge=self.hedge,
            batch=wanted.batch or wanted.priority is Priority.BATCH,
            streamed=wanted.stream,
            chunks=self.chunks,
            record_id=_record_id(wanted.record_id, self.number),
            price_date="" if self.unpriced else model.price.date,
        )


def _record_id(given: str, number: int) -> str:
    """Return the name of an attempt's record: the given one, and one made of it for every further attempt."""
    return given if number == 1 or not given else f"{given}/{number}"
