"""Registering, signing in, and staying signed in."""

import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bff.auth.accounts import Account, Accounts
from bff.auth.passwords import Passwords
from bff.auth.throttle import Attempts, Limit, Throttle, network_of
from bff.auth.tokens import AccessTokens, fingerprint, new_refresh_token, succeeding_refresh_token
from services.runtime.errors import AlreadyExists, Unauthenticated, Unavailable

# How long a browser may ask for the trade of its refresh token again.
_REPEATABLE = timedelta(seconds=10)
_WINDOW_SECONDS = 900
_FAILURES_OF_ONE_EMAIL = 5
# Many places may guess at one account together; its owner is not shut out by a few of them.
_FAILURES_OF_ONE_EMAIL_ANYWHERE = 100
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

    def __init__(
        self, accounts: Accounts, attempts: Attempts, tokens: AccessTokens, refresh_lifetime: timedelta, key: str
    ) -> None:
        """Take where accounts are kept and attempts counted, how tokens are made, and the key of their successors."""
        self._key = key
        self._accounts = accounts
        self._tokens = tokens
        self._refresh_lifetime = refresh_lifetime
        self._passwords = Passwords()
        self._throttle = Throttle(attempts)

    async def register(self, email: str, password: str, name: str, address: str) -> SignedIn:
        """Open an account for a shopper. Raises AlreadyExists (EMAIL_TAKEN)."""
        place = network_of(address)
        await self._throttle.take(Limit(f"register {place}", _REGISTRATIONS_OF_ONE_ADDRESS, _WINDOW_SECONDS))
        account = Account(str(uuid.uuid4()), email, name, "shopper", await self._passwords.hash(password))
        if not await self._accounts.add(account):
            raise AlreadyExists("EMAIL_TAKEN", "There is an account with this email already.")
        return await self._granted(account)

    async def login(self, email: str, password: str, address: str) -> SignedIn:
        """Sign in. Raises Unauthenticated (CREDENTIALS_WRONG) whether the email or the password is unknown."""
        who, place = email.lower(), network_of(address)
        here = Limit(f"login {who} {place}", _FAILURES_OF_ONE_EMAIL, _WINDOW_SECONDS)
        elsewhere = (
            Limit(f"login {who}", _FAILURES_OF_ONE_EMAIL_ANYWHERE, _WINDOW_SECONDS),
            Limit(f"login from {place}", _FAILURES_OF_ONE_ADDRESS, _WINDOW_SECONDS),
        )
        # Counted before the slow check: attempts made at the same time all count.
        await self._throttle.take(here, *elsewhere)
        try:
            account = await self._accounts.find(email)
            fits = await self._passwords.fits(password, account.password_hash if account else None)
        except Unavailable:
            await self._throttle.give_back(here, *elsewhere)
            raise
        if not fits or account is None:
            raise Unauthenticated("CREDENTIALS_WRONG", "This email and password do not go together.")
        await self._throttle.forget(here)
        await self._throttle.give_back(*elsewhere)
        return await self._granted(account)

    async def arrive(self, account: Account) -> SignedIn:
        """Sign in somebody another issuer vouches for; the first time opens their account.

        Raises AlreadyExists (EMAIL_TAKEN) when their email is somebody's who registered here: who owns it is not for
        another issuer to say.
        """
        known = await self._accounts.get(account.id)
        if known is None:
            if not await self._accounts.add(account):
                raise AlreadyExists("EMAIL_TAKEN", "There is an account with this email already. Use its password.")
            return await self._granted(account)
        if known.role != account.role:
            await self._accounts.set_role(known.id, account.role)
        return await self._granted(replace(known, role=account.role))

    async def refresh(self, refresh_token: str, from_browser: bool = False) -> SignedIn:
        """Trade a refresh token for new tokens. Raises Unauthenticated (REFRESH_TOKEN_INVALID).

        A browser may ask for the same trade again for a moment: all its tabs share the token, and a page that is left
        while it is being traded does not hear the answer.
        """
        now = datetime.now(UTC)
        successor = succeeding_refresh_token(refresh_token, self._key) if from_browser else new_refresh_token()
        account = await self._accounts.exchange(
            fingerprint(refresh_token),
            fingerprint(successor),
            now + self._refresh_lifetime,
            now,
            _REPEATABLE if from_browser else timedelta(),
        )
        if account is None:
            raise Unauthenticated("REFRESH_TOKEN_INVALID", "Sign in again.")
        return self._signed_in(account, successor)

    async def logout(self, refresh_token: str) -> None:
        """End a session: neither this refresh token nor any that came from the same sign-in is traded again."""
        await self._accounts.revoke(fingerprint(refresh_token))

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
