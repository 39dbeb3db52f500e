"""The refusals of the llm service, and what providers raise before they become one.

Nothing a provider says is repeated in words: its messages may hold parts of a prompt or of a key.
"""

from collections.abc import Sequence
from enum import Enum

from services.runtime.errors import AisleError, Exhausted, FieldViolation, Invalid, NotFound, Precondition, Unavailable


class FailureKind(Enum):
    """How a provider failed, as a word that can be shown."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"
    THROTTLED = "throttled"
    BROKEN = "broken"
    FORBIDDEN = "credentials refused"
    GONE = "model not offered"
    # Another model answered than the one that was asked.
    WRONG_MODEL = "answered by another model"
    # The answer breaks the shape that was asked for.
    INVALID = "not of the shape asked for"
    # No first token in time; what was said before a silence stands.
    SLOW = "too slow to begin"


# Failures before a provider began to work: nothing was made of the call that could be paid.
AT_THE_DOOR = (FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.FORBIDDEN, FailureKind.GONE)
_WAS_AT_THE_DOOR = frozenset(f"was {kind.value}" for kind in AT_THE_DOOR)


class ProviderFailed(Exception):
    """The provider could not answer; another one may."""

    def __init__(self, kind: FailureKind, retry_after: float = 0.0) -> None:
        """Take how it failed, and the seconds the provider asked us to wait, if it did."""
        super().__init__(kind.value)
        self.kind = kind
        self.retry_after = retry_after


class PromptRefused(Exception):
    """The provider says that the request is wrong; another one would say so too."""

    def __init__(self, code: str) -> None:
        """Take the provider's code for it."""
        super().__init__(code)
        self.code = code


class PromptTooLong(Exception):
    """The conversation does not fit the model after all."""

    def __init__(self) -> None:
        """Say what it is in words that can be shown."""
        super().__init__("given too long a prompt")


class FlightEnded(Unavailable):
    """The call that many waited for was stopped before its end."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("PROVIDER_UNAVAILABLE", "The call was stopped before its end.")


def model_not_found(name: str) -> AisleError:
    """Return the refusal of a model that is not configured."""
    violation = FieldViolation("model", "names no configured model")
    return Invalid("MODEL_NOT_FOUND", "No configured model is called {model}.", [violation], model=name)


def kind_mismatch(name: str, wanted: str) -> AisleError:
    """Return the refusal of a model that makes something else."""
    violation = FieldViolation("model", f"does not make {wanted}")
    return Invalid("MODEL_KIND_MISMATCH", "{model} does not make {wanted}.", [violation], model=name, wanted=wanted)


def no_model_of_quality(quality: str) -> AisleError:
    """Return the refusal when nothing configured is good enough."""
    return Precondition("NO_MODEL_OF_QUALITY", "No configured model has {quality} quality.", quality=quality)


def no_embedding_model() -> AisleError:
    """Return the refusal when nothing configured makes vectors."""
    return Precondition("NO_MODEL_OF_QUALITY", "No embedding model is configured.")


def context_too_long(tokens: int, limit: int) -> AisleError:
    """Return the refusal of a conversation that no model can read; names the largest that could be read."""
    violation = FieldViolation("messages", "are longer than the model can read")
    return Invalid(
        "CONTEXT_TOO_LONG",
        "The conversation has about {tokens} tokens, and {limit} can be read.",
        [violation],
        tokens=str(tokens),
        limit=str(limit),
    )


def provider_refused(model: str, code: str) -> AisleError:
    """Return the refusal of a request that the provider calls invalid."""
    return Invalid("PROVIDER_REFUSED", "The provider of {model} refused the request: {code}.", model=model, code=code)


def provider_unavailable(tried: Sequence[tuple[str, str]], retry_after: float) -> AisleError:
    """Return the error when nobody could answer; takes (model, why) of each that was tried or left out."""
    return Unavailable(
        "PROVIDER_UNAVAILABLE",
        "No provider could answer: {tried}.",
        max(1.0, retry_after),
        tried="; ".join(f"{model} {why}" for model, why in tried),
    )


def nobody_began(error: AisleError) -> bool:
    """Return whether no provider began to work on the call: all were refused at the door, or were not even asked.

    Goes by the words of `provider_unavailable`: of a model that was asked it says how it "was", of others how it "is".
    """
    if error.reason != "PROVIDER_UNAVAILABLE" or "tried" not in error.metadata:
        return False
    asked = [why for _, _, why in (one.partition(" ") for one in error.metadata["tried"].split("; "))]
    return all(not why.startswith("was ") or why in _WAS_AT_THE_DOOR for why in asked)


def may_be_paid(failure: Exception) -> bool:
    """Return whether a provider that failed like this may have worked on the call, and may want to be paid for it."""
    return isinstance(failure, ProviderFailed) and failure.kind not in AT_THE_DOOR


def answer_cut_off(model: str, why: str) -> AisleError:
    """Return the error when the provider failed in the middle of its answer."""
    return Unavailable("PROVIDER_UNAVAILABLE", "{model} stopped in the middle: {why}.", model=model, why=why)


def budget_spent(budget: str, what: str, retry_after: float) -> AisleError:
    """Return the refusal of a call that a budget cannot pay."""
    return Exhausted("BUDGET_SPENT", "The {what} of {budget} are spent.", retry_after, budget=budget, what=what)


def overloaded(retry_after: float) -> AisleError:
    """Return the refusal of a call that would only wait."""
    return Exhausted("OVERLOADED", "Too many calls at once. Come back in a moment.", retry_after)


def capability_missing(wanted: str) -> AisleError:
    """Return the refusal when no configured model can do what was asked."""
    return Precondition("CAPABILITY_MISSING", "No configured model has {wanted}.", wanted=wanted)


def model_lacks(name: str, wanted: str) -> AisleError:
    """Return the refusal when the model that was named cannot do what was asked."""
    return Precondition("CAPABILITY_MISSING", "{model} does not have {wanted}.", model=name, wanted=wanted)


def answer_invalid(tried: str) -> AisleError:
    """Return the error when no model kept to the shape that was asked for."""
    return Unavailable("ANSWER_INVALID", "No model kept to the schema: {tried}.", tried=tried)


def prompt_invalid(field: str, problem: str) -> AisleError:
    """Return the refusal of a request whose parts contradict each other."""
    violation = FieldViolation(field, problem)
    return Invalid("PROMPT_INVALID", "{field}: {problem}.", [violation], field=field, problem=problem)


def api_key_not_found(name: str) -> AisleError:
    """Return the refusal for a key that does not exist."""
    return NotFound("API_KEY_NOT_FOUND", "There is no {name}.", name=name)


def budget_not_found(name: str) -> AisleError:
    """Return the refusal for a budget that was not set."""
    return NotFound("BUDGET_NOT_FOUND", "There is no {name} that was set here.", name=name)
