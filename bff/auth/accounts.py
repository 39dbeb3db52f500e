"""What the BFF keeps about people: accounts and the refresh tokens they hold."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in."""

    id: str
    email: str
    name: str
    role: str
    password_hash: str


class Accounts(Protocol):
    """Where accounts and refresh tokens are kept. Raises Unavailable while it is away."""

    async def add(self, account: Account) -> bool:
        """Keep a new account; return False when its email, in whatever case, is taken."""
        ...

    async def get(self, account_id: str) -> Account | None:
        """Return the account with this id."""
        ...

    async def find(self, email: str) -> Account | None:
        """Return the account with this email in whatever case."""
        ...

    async def set_password(self, account_id: str, password_hash: str) -> None:
        """Replace the password of an account."""
        ...

    async def set_role(self, account_id: str, role: str) -> None:
        """Replace the role of an account."""
        ...

    async def grant(self, account_id: str, token: bytes, expires: datetime) -> None:
        """Keep the first refresh token of a new family."""
        ...

    async def revoke(self, token: bytes) -> None:
        """Forget a refresh token with its whole family; an unknown one changes nothing."""
        ...

    async def exchange(
        self, old: bytes, new: bytes, expires: datetime, now: datetime, repeatable: timedelta = timedelta()
    ) -> Account | None:
        """Trade a refresh token for its successor and return its account.

        Returns None for a token that is unknown or expired, and for one that was traded before: then its whole family
        is forgotten, because one of the two who hold it has stolen it. The same trade may be asked again for as long as
        is said, until its successor is traded: an answer may get lost, and two tabs may ask at once.
        """
        ...
