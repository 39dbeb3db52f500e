"""Whether those who wait for an answer are kept waiting longer than usual, so that batches make room."""

# Longer than usual: by half, and by more than anybody would notice.
_LONGER = 1.5
_NOTICED = 0.03
# A provider may have become slower by itself: what is usual follows by this part at every look, so that a batch is not
# held back for ever.
_FOLLOWS = 0.002


class Courtesy:
    """Compares how soon interactive calls are answered now with how soon they were."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._usual: dict[str, float] = {}
        self._calls: dict[str, int] = {}

    def is_kept_waiting(self, model: str, seconds: float, calls: int, alone: bool) -> bool:
        """Return whether calls to a model wait longer than usual, given what they took of late and how many there were.

        What they take while no batch runs (`alone`) is what is usual. Without new calls nobody waits.
        """
        before, self._calls[model] = self._calls.get(model, 0), calls
        if calls == before or seconds <= 0:
            return False
        usual = self._usual.get(model)
        if usual is None or alone or seconds < usual:
            self._usual[model] = seconds
            return False
        self._usual[model] = usual + _FOLLOWS * (seconds - usual)
        return seconds > _LONGER * usual + _NOTICED
