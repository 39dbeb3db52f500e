"""The errors a domain raises. Pure: nothing here knows a protocol.

AisleError
├── NotFound            there is no such thing
├── AlreadyExists       there is such a thing already
├── Invalid             the request can never succeed; names the fields at fault
├── Conflict            somebody else changed it meanwhile
├── Precondition        not in this state
├── Exhausted           too much; try again later
├── Unavailable         something we depend on is away; try again
├── DeadlineExceeded    the caller's time is up
├── Unauthenticated     we do not know who asks
└── Denied              we know, and the answer is no
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field at fault: a path such as `product.price.units`, and what is wrong with it."""

    field: str
    description: str


class AisleError(Exception):
    """A refusal with a stable reason, a sentence for people and the sentence's parts for programs."""

    def __init__(self, reason: str, message: str, **metadata: str) -> None:
        """Take a stable UPPER_SNAKE reason, and a message whose `{parts}` are filled from the metadata."""
        self.reason = reason
        self.metadata = metadata
        self.message = message.format_map(metadata) if metadata else message
        super().__init__(self.message)


class NotFound(AisleError):
    """There is no such thing."""


class AlreadyExists(AisleError):
    """There is such a thing already."""


class Invalid(AisleError):
    """The request can never succeed as it is."""

    def __init__(self, reason: str, message: str, violations: Sequence[FieldViolation] = (), **metadata: str) -> None:
        """Take the fields at fault besides what every error takes."""
        super().__init__(reason, message, **metadata)
        self.violations = tuple(violations)


class Conflict(AisleError):
    """Somebody else changed it meanwhile."""


class Precondition(AisleError):
    """The thing is not in a state that allows this."""


class Retryable(AisleError):
    """May succeed later."""

    def __init__(self, reason: str, message: str, retry_after: float = 1.0, **metadata: str) -> None:
        """Take the seconds to wait before another try."""
        super().__init__(reason, message, **metadata)
        self.retry_after = retry_after


class Exhausted(Retryable):
    """Too much was asked for."""


class Unavailable(Retryable):
    """Something we depend on is away."""


class DeadlineExceeded(AisleError):
    """The caller's time is up."""


class Unauthenticated(AisleError):
    """We do not know who asks."""


class Denied(AisleError):
    """We know who asks, and they may not."""


class Internal(AisleError):
    """An upstream failed in a way it would not explain."""


def request_id_reused(request_id: str) -> Invalid:
    """Return the refusal of another request under an id by which a repeated one would be known."""
    return Invalid(
        "REQUEST_ID_REUSED",
        "The request id {request_id} was used for another request.",
        [FieldViolation("request_id", "belongs to another request")],
        request_id=request_id,
    )
