"""Accounts in memory: what PostgresAccounts promises, without a database."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bff.auth.accounts import Account
from services.runtime.errors import Unavailable


@dataclass
class _Held:
    family: uuid.UUID
    account_id: str
    expires: datetime
    used: datetime | None = None


class FakeAccounts:
    """Keeps accounts in dictionaries; `away` makes it fail like a database that is gone."""

    def __init__(self) -> None:
        self.away = False
        self._accounts: dict[str, Account] = {}
        self._held: dict[bytes, _Held] = {}

    async def add(self, account: Account) -> bool:
        if await self.find(account.email) is not None:
            return False
        self._accounts[account.id] = account
        return True

    async def get(self, account_id: str) -> Account | None:
        self._check()
        return self._accounts.get(account_id)

    async def find(self, email: str) -> Account | None:
        self._check()
        return next((a for a in self._accounts.values() if a.email.lower() == email.lower()), None)

    async def set_password(self, account_id: str, password_hash: str) -> None:
        self._check()
        self._accounts[account_id] = replace(self._accounts[account_id], password_hash=password_hash)

    async def set_role(self, account_id: str, role: str) -> None:
        self._check()
        self._accounts[account_id] = replace(self._accounts[account_id], role=role)

    async def grant(self, account_id: str, token: bytes, expires: datetime) -> None:
        self._check()
        self._held[token] = _Held(uuid.uuid4(), account_id, expires)

    async def revoke(self, token: bytes) -> None:
        self._check()
        gone = self._held.get(token)
        self._held = {name: one for name, one in self._held.items() if gone is None or one.family != gone.family}

    async def exchange(
        self, old: bytes, new: bytes, expires: datetime, now: datetime, repeatable: timedelta = timedelta()
    ) -> Account | None:
        self._check()
        held = self._held.get(old)
        if held is None or held.expires <= now:
            return None
        if held.used is not None:
            successor = self._held.get(new)
            if now - held.used >= repeatable or successor is None or successor.used is not None:
                self._held = {token: one for token, one in self._held.items() if one.family != held.family}
                return None
            return self._accounts[held.account_id]
        held.used = now
        self._held[new] = _Held(held.family, held.account_id, expires)
        return self._accounts[held.account_id]

    def _check(self) -> None:
        if self.away:
            raise Unavailable("ACCOUNTS_UNAVAILABLE", "Signing in is not possible for a moment.", 2.0)
