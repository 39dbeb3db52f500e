"""Limits: so many requests in a time, for one user, key or address, in one class of requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b

# What a request is counted as: the parts that Envoy names, in its order. The last one says who asks.
Descriptor = tuple[tuple[str, str], ...]

_CLASS = "class"


class Unit(IntEnum):
    """Lengths of time, in seconds."""

    SECOND = 1
    MINUTE = 60
    HOUR = 3600
    DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in a time."""

    requests: int
    unit: Unit

    @property
    def shown(self) -> str:
        """Return it as the table has it: `60/minute`."""
        return f"{self.requests}/{self.unit.name.lower()}"


@dataclass(frozen=True, slots=True)
class Asker:
    """One who has a limit of its own, in one class of requests."""

    rate_class: str
    who: str
    value: str


@dataclass(frozen=True, slots=True)
class LimitTable:
    """Every limit there is: by domain, class, and what kind of thing asks; and those of single askers."""

    limits: Mapping[tuple[str, str, str], Limit] = field(default_factory=dict)
    own: Mapping[Asker, Limit] = field(default_factory=dict)

    def find(self, domain: str, descriptor: Descriptor) -> Limit | None:
        """Return the limit of what a request is counted as; None when it has none."""
        if not descriptor:
            return None
        rate_class = next((value for key, value in descriptor if key == _CLASS), "")
        who, value = descriptor[-1]
        if self.own:
            own = self.own.get(Asker(rate_class, who, value))
            if own is not None:
                return own
        return self.limits.get((domain, rate_class, who))


def identity(domain: str, descriptor: Descriptor) -> str:
    """Return the name under which a descriptor is counted: of one length, and telling no one's key or address."""
    told = "\x1f".join((domain, *(part for entry in descriptor for part in entry)))
    return blake2b(told.encode(), digest_size=15).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one descriptor is within its limit; without a limit it always is."""

    allowed: bool
    limit: Limit | None = None
    remaining: int = 0
    # Seconds until more fits.
    reset: float = 0.0


UNLIMITED = Verdict(allowed=True)


def longest_wait(verdicts: Sequence[Verdict]) -> float:
    """Return for how many seconds nothing more fits: 0 when all of it does."""
    return max((verdict.reset for verdict in verdicts if not verdict.allowed), default=0.0)
