"""Slows down whoever guesses: so many attempts a window for a key, then wait.

Attempts are counted where all replicas look, and in this process as well: while the shared counts are away, what this
process has seen still holds.
"""

import ipaddress
import logging
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.runtime.errors import Exhausted, Unavailable

log = logging.getLogger("aisle.auth")

# What one customer of a provider has to themselves: counting single IPv6 addresses would count nobody.
_IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts are free for a key within how many seconds."""

    key: str
    attempts: int
    window_seconds: float


class Attempts(Protocol):
    """Where attempts are counted. Raises Unavailable while it is away."""

    async def take(self, limits: Sequence[Limit]) -> float:
        """Count an attempt against all limits and return 0, or the seconds to wait when one is used up.

        Then nothing is counted. Attempts made at the same time, wherever, are counted one after the other.
        """
        ...

    async def give_back(self, limits: Sequence[Limit]) -> None:
        """Take the newest attempt of each back: it was none."""
        ...

    async def forget(self, limits: Sequence[Limit]) -> None:
        """Start anew."""
        ...


class Counted:
    """Attempts counted in this process, by no more keys than it may keep."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, keys_kept: int = 20_000) -> None:
        """Take a clock and how many keys are kept."""
        self._clock = clock
        self._keys_kept = keys_kept
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, limits: Sequence[Limit]) -> float:
        """Count an attempt against all limits, or return the seconds to wait."""
        now = self._clock()
        found = [(limit, self._recent(limit, now)) for limit in limits]
        waits = [seen[0] + limit.window_seconds - now for limit, seen in found if len(seen) >= limit.attempts]
        if waits:
            return max(waits)
        for limit, seen in found:
            seen.append(now)
            self._seen[limit.key] = seen
            self._seen.move_to_end(limit.key)
        while len(self._seen) > self._keys_kept:
            self._seen.popitem(last=False)
        return 0.0

    def give_back(self, limits: Sequence[Limit]) -> None:
        """Take the newest attempt of each back."""
        for limit in limits:
            if self._seen.get(limit.key):
                self._seen[limit.key].pop()

    def forget(self, limits: Sequence[Limit]) -> None:
        """Start anew."""
        for limit in limits:
            self._seen.pop(limit.key, None)

    def _recent(self, limit: Limit, now: float) -> deque[float]:
        seen = self._seen.get(limit.key, deque())
        while seen and seen[0] <= now - limit.window_seconds:
            seen.popleft()
        return seen


class Throttle:
    """Lets attempts through or makes them wait, by what all replicas have counted."""

    def __init__(self, shared: Attempts, here: Counted | None = None) -> None:
        """Take where all replicas count, and where this process does."""
        self._shared = shared
        self._here = here or Counted()

    async def take(self, *limits: Limit) -> None:
        """Count an attempt. Raises Exhausted (TOO_MANY_ATTEMPTS), and then counts nothing."""
        wait = wait_here = self._here.take(limits)
        try:
            wait = await self._shared.take(limits)
        except Unavailable:
            log.warning("attempts are counted by this process alone")
        else:
            if wait and not wait_here:
                self._here.give_back(limits)
        if wait:
            raise Exhausted(
                "TOO_MANY_ATTEMPTS", "Too many attempts. Wait before the next one.", float(max(1, math.ceil(wait)))
            )

    async def give_back(self, *limits: Limit) -> None:
        """Take an attempt back: it was none."""
        self._here.give_back(limits)
        try:
            await self._shared.give_back(limits)
        except Unavailable:
            log.warning("attempts were not given back")

    async def forget(self, *limits: Limit) -> None:
        """Start anew for keys that got it right."""
        self._here.forget(limits)
        try:
            await self._shared.forget(limits)
        except Unavailable:
            log.warning("attempts were not forgotten")


def network_of(address: str) -> str:
    """Return what is counted as one place: an IPv4 address, or the network an IPv6 address is in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
