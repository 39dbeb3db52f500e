"""Password hashes: Argon2id, computed beside the event loop, a few at a time."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.runtime.errors import Unavailable

# The least OWASP recommends: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = 2
# So many take about two seconds; whoever comes then is told to come again, not kept for longer and longer.
_WAITING = 64


class Passwords:
    """Hashes and checks passwords. Takes equally long whether there is an account or not."""

    def __init__(self, at_once: int = _AT_ONCE, waiting: int = _WAITING) -> None:
        """Prepare a hash that no password fits. Take how many are computed at once, and how many may wait for it."""
        self._turns = asyncio.Semaphore(at_once)
        self._free = at_once + waiting
        self._nobody = _hash_of_nobody()

    async def hash(self, password: str) -> str:
        """Return what is stored of a password. Raises Unavailable (SIGN_IN_BUSY)."""
        async with self._turn():
            return await asyncio.to_thread(_HASHER.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Return whether a password is the stored one; without an account do the same work and say no.

        Raises Unavailable (SIGN_IN_BUSY).
        """
        async with self._turn():
            fits = await asyncio.to_thread(_verify, stored or self._nobody, password)
        return fits and stored is not None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._free == 0:
            raise Unavailable("SIGN_IN_BUSY", "Very many people are signing in. Try again in a moment.", 2.0)
        self._free -= 1
        try:
            async with self._turns:
                yield
        finally:
            self._free += 1


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe())


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
