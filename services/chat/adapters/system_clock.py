"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """Tells the time in UTC."""

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)
