"""The time of this machine, and chance from its kernel."""

import secrets
from datetime import UTC, datetime

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 5


class SystemClock:
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class RandomSuffixes:
    """Makes endings that are easy to read aloud."""

    def suffix(self) -> str:
        """Return five letters and digits."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
