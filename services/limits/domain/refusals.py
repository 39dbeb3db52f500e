"""Who was refused and until when: asked first, so that a flood costs a look into memory and no call to Redis."""

from collections import OrderedDict


class Refusals:
    """Remembers refusals until more fits, and only so many of them."""

    def __init__(self, most: int = 50_000) -> None:
        """Take how many are kept at the most; the oldest is forgotten, and then asked for again."""
        self._most = most
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait_of(self, identity: str, now: float) -> float:
        """Return for how many seconds this one is still refused: 0 when it is not."""
        until = self._until.get(identity)
        if until is None:
            return 0.0
        if until <= now:
            del self._until[identity]
            return 0.0
        return until - now

    def remember(self, identity: str, until: float) -> None:
        """Refuse this one until then."""
        self._until[identity] = until
        self._until.move_to_end(identity)
        if len(self._until) > self._most:
            self._until.popitem(last=False)

    def forget_all(self) -> None:
        """Ask for everyone again: the limits have changed."""
        self._until.clear()

    def __len__(self) -> int:
        """Return how many are refused, as far as is known."""
        return len(self._until)
