"""Password hashes: Argon2id, computed beside the event loop, a few at a time."""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The least OWASP recommends: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = 2


class Passwords:
    """Hashes and checks passwords. Takes equally long whether there is an account or not."""

    def __init__(self) -> None:
        """Prepare a hash that no password fits."""
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _hash_of_nobody()

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        async with self._turns:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Return whether a password is the stored one; without an account do the same work and say no."""
        async with self._turns:
            fits = await asyncio.to_thread(_verify, stored or self._nobody, password)
        return fits and stored is not None


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe())


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
