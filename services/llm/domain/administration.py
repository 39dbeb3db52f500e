"""What was set in the administration, as every call needs it: in memory, and as it was when last known."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.llm.domain.api_key import ApiKey, KeyHolder, KeyState
from services.llm.domain.budget import Rule


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret. Secrets are random and long: a slow digest would only slow calls down."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Administered:
    """All keys by the digest of their secret, and all budgets that were set."""

    keys: Mapping[bytes, ApiKey] = field(default_factory=dict)
    rules: Sequence[Rule] = ()


class Administration:
    """The newest that is known."""

    def __init__(self) -> None:
        """Begin with nothing set."""
        self._now = Administered()
        self._merged: tuple[Sequence[Rule], Administered, Sequence[Rule]] = ((), self._now, ())

    def learn(self, administered: Administered) -> None:
        """Take over what holds from now on."""
        self._now = administered

    def holder(self, secret: str, now: datetime) -> KeyHolder | None:
        """Return whom a key stands for, None when it is unknown, revoked or expired."""
        key = self._now.keys.get(digest_of(secret))
        if key is None or key.state(now) is not KeyState.ACTIVE:
            return None
        return KeyHolder(key.name, key.tenant, key.display_name)

    def key(self, name: str) -> ApiKey | None:
        """Return a key by its name."""
        return next((key for key in self._now.keys.values() if key.name == name), None)

    def rules(self, of_file: Sequence[Rule]) -> Sequence[Rule]:
        """Return the budgets that hold: those that were set, and of the file's those that were not set otherwise.

        The same object while nothing has changed, so that nobody works them out again for every call.
        """
        known_file, known_set, merged = self._merged
        if known_file is not of_file or known_set is not self._now:
            places = {place(rule) for rule in self._now.rules}
            merged = (*self._now.rules, *(rule for rule in of_file if place(rule) not in places))
            self._merged = (of_file, self._now, merged)
        return merged


def place(rule: Rule) -> tuple[str, str, str]:
    """Return what there is one budget for: kind of subject, subject and window."""
    return rule.subject.value, rule.name, rule.window.value


def budget_name(rule: Rule) -> str:
    """Return the resource name of a budget, which follows from what it is for."""
    return "budgets/" + hashlib.sha256("\n".join(place(rule)).encode()).hexdigest()[:24]
