"""Keys of other teams: who holds one, and what a key may look like."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whom a valid key stands for."""

    # Resource name, `apiKeys/{api_key}`.
    name: str
    tenant: str
    display_name: str


class KeyState(Enum):
    """Whether a key is accepted; the numbers are those of the contract."""

    ACTIVE = 1
    EXPIRED = 2
    REVOKED = 3


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: without its secret."""

    # Resource name, `apiKeys/{api_key}`.
    name: str
    display_name: str
    tenant: str
    # The last characters of the secret.
    hint: str
    creator: str
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None

    def state(self, now: datetime) -> KeyState:
        """Return whether it is accepted."""
        if self.revoke_time is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expire_time is not None and self.expire_time <= now else KeyState.ACTIVE


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. Never holds a secret."""

    actor: str
    action: str
    resource: str
    detail: str
    create_time: datetime
    # Counts entries, upwards.
    number: int
