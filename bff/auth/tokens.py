"""Access tokens anybody can check with the key, and refresh tokens only the database knows."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from bff.auth.accounts import Account
from services.runtime.errors import Unauthenticated

ISSUER = "aisle"
AUDIENCE = "aisle-storefront"
_ALGORITHM = "HS256"
_CLAIMS = ["iss", "aud", "sub", "role", "iat", "exp", "jti"]
# Clocks of replicas may differ by as much.
_LEEWAY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is behind a request: an account, an anonymous visitor, or nobody in particular."""

    subject: str = ""
    role: str = "anonymous"
    # When the token behind it ends; None without a token.
    expires: datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Return whether staff asks."""
        return self.role == "admin"

    def expired(self, now: datetime) -> bool:
        """Return whether the token behind it has ended."""
        return self.expires is not None and now >= self.expires


class AccessTokens:
    """Signs and checks access tokens."""

    def __init__(self, key: str, lifetime: timedelta) -> None:
        """Take the signing key and how long a token is good for."""
        self._key = key
        self.lifetime = lifetime

    def issue(self, account: Account) -> str:
        """Return a token for an account."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": account.id,
            "role": account.role,
            "iat": now,
            "exp": now + self.lifetime,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def check(self, token: str) -> Identity:
        """Return whom a token speaks for. Raises Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID)."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=_LEEWAY_SECONDS,
                options={"require": _CLAIMS},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("TOKEN_EXPIRED", "The access token has expired.") from None
        except (jwt.PyJWTError, ValueError):
            raise Unauthenticated("TOKEN_INVALID", "The access token is not valid.") from None
        if claims["role"] not in ("shopper", "admin") or not claims["sub"]:
            raise Unauthenticated("TOKEN_INVALID", "The access token is not valid.")
        return Identity(claims["sub"], claims["role"], datetime.fromtimestamp(claims["exp"], UTC))


def new_refresh_token() -> str:
    """Return a refresh token nobody can guess."""
    return secrets.token_urlsafe(32)


def fingerprint(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(refresh_token.encode()).digest()
