"""Registering, signing in, and staying signed in."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bff.auth.accounts import Account, Accounts
from bff.auth.passwords import Passwords
from bff.auth.throttle import Throttle
from bff.auth.tokens import AccessTokens, fingerprint, new_refresh_token
from services.runtime.errors import AlreadyExists, Unauthenticated

_WINDOW_SECONDS = 900
_FAILURES_OF_ONE_EMAIL = 5
_FAILURES_OF_ONE_ADDRESS = 50
_REGISTRATIONS_OF_ONE_ADDRESS = 30


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account with the tokens it just received."""

    account: Account
    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo shop."""

    id: str
    email: str
    name: str
    role: str


DEMO_ACCOUNTS = (
    DemoAccount("maya", "maya@lanternandloom.example", "Maya", "shopper"),
    DemoAccount("admin", "admin@lanternandloom.example", "Shop staff", "admin"),
)


class SignIn:
    """The way from a password to tokens."""

    def __init__(self, accounts: Accounts, tokens: AccessTokens, refresh_lifetime: timedelta) -> None:
        """Take where accounts are kept and how tokens are made."""
        self._accounts = accounts
        self._tokens = tokens
        self._refresh_lifetime = refresh_lifetime
        self._passwords = Passwords()
        self._of_email = Throttle(_FAILURES_OF_ONE_EMAIL, _WINDOW_SECONDS)
        self._of_address = Throttle(_FAILURES_OF_ONE_ADDRESS, _WINDOW_SECONDS)
        self._registrations = Throttle(_REGISTRATIONS_OF_ONE_ADDRESS, _WINDOW_SECONDS)

    async def register(self, email: str, password: str, name: str, address: str) -> SignedIn:
        """Open an account for a shopper. Raises AlreadyExists (EMAIL_TAKEN)."""
        self._registrations.check(address)
        self._registrations.count(address)
        account = Account(str(uuid.uuid4()), email, name, "shopper", await self._passwords.hash(password))
        if not await self._accounts.add(account):
            raise AlreadyExists("EMAIL_TAKEN", "There is an account with this email already.")
        return await self._granted(account)

    async def login(self, email: str, password: str, address: str) -> SignedIn:
        """Sign in. Raises Unauthenticated (CREDENTIALS_WRONG) whether the email or the password is unknown."""
        key = f"{email.lower()} {address}"
        self._of_address.check(address)
        self._of_email.check(key)
        # Counted before the slow check: attempts made at the same time all count.
        self._of_email.count(key)
        account = await self._accounts.find(email)
        if not await self._passwords.fits(password, account.password_hash if account else None) or account is None:
            self._of_address.count(address)
            raise Unauthenticated("CREDENTIALS_WRONG", "This email and password do not go together.")
        self._of_email.forget(key)
        return await self._granted(account)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Trade a refresh token for new tokens. Raises Unauthenticated (REFRESH_TOKEN_INVALID)."""
        now = datetime.now(UTC)
        successor = new_refresh_token()
        account = await self._accounts.exchange(
            fingerprint(refresh_token), fingerprint(successor), now + self._refresh_lifetime, now
        )
        if account is None:
            raise Unauthenticated("REFRESH_TOKEN_INVALID", "Sign in again.")
        return self._signed_in(account, successor)

    async def account(self, account_id: str) -> Account:
        """Return an account. Raises Unauthenticated when it is gone."""
        account = await self._accounts.get(account_id)
        if account is None:
            raise Unauthenticated("TOKEN_INVALID", "The account is gone.")
        return account

    async def prepare_demo(self, password: str) -> None:
        """Make sure that the demo accounts exist with this password."""
        for demo in DEMO_ACCOUNTS:
            known = await self._accounts.find(demo.email)
            if known is None:
                stored = await self._passwords.hash(password)
                await self._accounts.add(Account(demo.id, demo.email, demo.name, demo.role, stored))
            elif not await self._passwords.fits(password, known.password_hash):
                await self._accounts.set_password(known.id, await self._passwords.hash(password))

    async def shut_demo(self) -> None:
        """Give demo accounts of an earlier start a password nobody knows."""
        for demo in DEMO_ACCOUNTS:
            known = await self._accounts.find(demo.email)
            if known is not None:
                await self._accounts.set_password(known.id, await self._passwords.hash(secrets.token_urlsafe(32)))

    async def _granted(self, account: Account) -> SignedIn:
        token = new_refresh_token()
        await self._accounts.grant(account.id, fingerprint(token), datetime.now(UTC) + self._refresh_lifetime)
        return self._signed_in(account, token)

    def _signed_in(self, account: Account, refresh_token: str) -> SignedIn:
        seconds = int(self._tokens.lifetime.total_seconds())
        return SignedIn(account, self._tokens.issue(account), refresh_token, seconds)
