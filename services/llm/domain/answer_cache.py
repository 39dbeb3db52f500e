"""When two requests have the same answer: what is part of a question's identity, and who may share its answer.

Identity is a digest over everything that shapes an answer or limits who may see it, each part framed by its length so
that no two different requests can be written the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from services.llm.domain.generation import Answer, CacheUse, FinishReason, Message, Prompt, Role, Wanted
from services.llm.domain.model import CacheMode, Policy

# Above this temperature a caller asks for variety, and an answer given before is none.
_MOST_TEMPERATURE = 0.3
_DIGEST_BYTES = 20
_WHOLE = (FinishReason.STOP, FinishReason.TOOL_CALLS)


@dataclass(frozen=True, slots=True)
class Question:
    """A request as the cache knows it. Digests cover whatever shapes the answer or limits who may see it."""

    # Of everything: two requests of one digest are the same request of the same people.
    exact: str
    # Of everything but the words of the last question: a similar question may only answer within it.
    scope: str
    # The last question; empty when only the same request will do.
    text: str
    # Seconds an answer is kept.
    seconds: float
    tags: Sequence[str] = ()
    tenant: str = ""

    @property
    def circle(self) -> str:
        """Who may share answers to similar questions: the same scope, and answers made from the same things.

        An answer is forgotten by its tags; given for a question with other tags, it would outlive what those stand for.
        """
        return _digest([self.tenant, self.scope, *sorted(set(self.tags))])


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A question whose answer is remembered under its digest."""

    exact: str
    text: str
    vector: Sequence[float]


def question_of(wanted: Wanted, table: str, policy: Policy, personal: bool) -> Question | None:
    """Return the question a request asks, None when its answer is not to be remembered.

    `table` names the capability table: another table may choose another model. Answers to personal prompts belong to
    their user, and are not remembered when nobody knows who that is.
    """
    prompt = wanted.prompt
    if policy.cache is CacheMode.OFF or wanted.cache_use is CacheUse.OFF:
        return None
    if (prompt.temperature or 0.0) > _MOST_TEMPERATURE or (personal and not wanted.user):
        return None
    parts = [*_circumstances(wanted, table, policy, personal), *_prompt_parts(prompt)]
    *before, last = prompt.messages
    parts += [part for message in before for part in _message_parts(message)]
    scope = _digest(parts)
    similar = (
        (policy.cache is CacheMode.SIMILAR or wanted.cache_use is CacheUse.SIMILAR)
        and wanted.cache_use is not CacheUse.EXACT
        and not personal
        and last.role is Role.USER
        and not (last.images or prompt.tools or prompt.response_format.schema)
        and all(message.role is Role.SYSTEM for message in before)
    )
    # With other tags the same request is another one: whoever purges by a tag purges all answers that carry it.
    exact = _digest([scope, *_message_parts(last), *sorted(set(wanted.cache_tags))])
    text = last.text if similar else ""
    return Question(exact, scope, text, policy.cache_seconds, tuple(wanted.cache_tags), wanted.tenant)


def is_worth_keeping(answer: Answer) -> bool:
    """Return whether an answer may be given again: only one that ended well and by the preferred way."""
    return answer.finished.reason in _WHOLE and not answer.finished.degraded and bool(answer.text or answer.tool_calls)


def _circumstances(wanted: Wanted, table: str, policy: Policy, personal: bool) -> list[str]:
    """Return who asks, and what chooses the model."""
    return [
        wanted.tenant,
        wanted.user if personal else "",
        "personal" if personal else "shared",
        wanted.api_key,
        wanted.use_case,
        wanted.model,
        str(int(wanted.min_quality)),
        wanted.prompt_version,
        table,
        repr(policy),
    ]


def _prompt_parts(prompt: Prompt) -> Iterator[str]:
    yield repr((prompt.max_output_tokens, prompt.temperature, prompt.top_p, prompt.seed, tuple(prompt.stop)))
    yield repr((prompt.tool_choice.mode.value, prompt.tool_choice.name))
    shape = prompt.response_format
    yield repr((shape.kind.value, shape.name, shape.schema, shape.strict))
    yield str(len(prompt.tools))
    for tool in prompt.tools:
        yield repr((tool.name, tool.description, tool.schema, tool.strict))


def _message_parts(message: Message) -> Iterator[str]:
    yield message.role.value
    yield message.text
    if message.tool_calls or message.tool_call_id or message.images:
        yield repr([(call.call_id, call.name, call.arguments) for call in message.tool_calls])
        yield message.tool_call_id
        for image in message.images:
            yield image.media_type
            yield blake2b(image.data, digest_size=_DIGEST_BYTES).hexdigest()
    # Ends the turn: its parts are not those of the next.
    yield "\x00"


def _digest(parts: Sequence[str]) -> str:
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(framed.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
