"""Access tokens anybody can check with a public key, and refresh tokens only the database knows."""

import base64
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from bff.auth.accounts import Account
from bff.auth.signing_keys import ALGORITHM, SigningKeys
from services.runtime.errors import Unauthenticated

ISSUER = "aisle"
AUDIENCE = "aisle-storefront"
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

    def __init__(self, keys: SigningKeys, lifetime: timedelta) -> None:
        """Take the signing keys and how long a token is good for."""
        self._keys = keys
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
        key = self._keys.ring.signing(now)
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    def check(self, token: str) -> Identity:
        """Return whom a token speaks for. Raises Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID)."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key_of(token),
                algorithms=[ALGORITHM],
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

    def published(self) -> dict[str, Any]:
        """Return the public keys by which others check the tokens."""
        return self._keys.ring.jwks()

    def _key_of(self, token: str) -> Any:
        """Return the public key a token names: one of ours, whatever else it says about keys."""
        named = jwt.get_unverified_header(token).get("kid")
        key = self._keys.ring.get(named) if isinstance(named, str) else None
        if key is None:
            raise jwt.InvalidKeyError("unknown key")
        return key.private.public_key()


def new_refresh_token() -> str:
    """Return a refresh token nobody can guess."""
    return secrets.token_urlsafe(32)


def succeeding_refresh_token(refresh_token: str, key: str) -> str:
    """Return the one successor a refresh token has; nobody can tell it who does not know the key."""
    made = hmac.digest(key.encode(), b"refresh " + refresh_token.encode(), "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def fingerprint(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(refresh_token.encode()).digest()
