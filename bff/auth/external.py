"""People of another issuer: who they are here, and how a browser brings them from there (authorization code, PKCE)."""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt

from bff.auth.accounts import Account
from bff.auth.issuer import Issuer, fetched
from bff.auth.tokens import Identity
from services.runtime.errors import Denied, Unauthenticated

# How long somebody may take to sign in there.
PATIENCE = timedelta(minutes=10)
_STATE = ["state", "nonce", "verifier", "next", "redirect_uri", "iss", "exp"]


@dataclass(frozen=True, slots=True)
class Client:
    """What was agreed on with the issuer."""

    id: str
    secret: str
    scopes: str
    # Addresses a browser may be sent back to, by the origin it came from.
    redirects: Mapping[str, str]
    # Whom access tokens must be for to be taken here; empty takes none.
    audience: str
    role_claim: str
    admin_role: str
    trusts_emails: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Where to send a browser, and what it is to bring back."""

    location: str
    state: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who came back, and the page they wanted."""

    account: Account
    next: str


class ExternalSignIn:
    """Signs people in with an issuer that is not ours."""

    def __init__(self, issuer: Issuer, client: Client, key: str) -> None:
        """Take the issuer, what was agreed on with it, and a key that signs what browsers keep meanwhile."""
        self._issuer = issuer
        self._client = client
        self._key = hmac.digest(key.encode(), b"external sign-in", "sha256")

    async def start(self, origin: str, next_page: str) -> Start:
        """Return where a browser of an origin of ours is to sign in.

        Raises Denied (REDIRECT_NOT_ALLOWED) for any other origin, Unavailable (ISSUER_AWAY).
        """
        redirect = self._client.redirects.get(origin)
        if redirect is None:
            raise Denied("REDIRECT_NOT_ALLOWED", "The shop is not opened at this address.")
        endpoints = await self._issuer.endpoints()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": redirect,
            "scope": self._client.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "next": next_page, "redirect_uri": redirect}
        told = {**kept, "iss": self._issuer.url, "exp": datetime.now(UTC) + PATIENCE}
        join = "&" if "?" in endpoints.authorize else "?"
        return Start(endpoints.authorize + join + urlencode(asked), jwt.encode(told, self._key, algorithm="HS256"))

    def wanted(self, kept: str) -> str:
        """Return the page a browser wanted, from what it kept; the first page when it kept nothing of ours."""
        try:
            return str(self._kept(kept)["next"])
        except Unauthenticated:
            return "/"

    async def finish(self, kept: str, answer: Mapping[str, str]) -> Arrival:
        """Return who came back.

        Raises Unauthenticated (SIGN_IN_STATE_INVALID, SIGN_IN_REFUSED, TOKEN_INVALID, TOKEN_EXPIRED, EMAIL_UNVERIFIED)
        unless this browser was sent there by us and comes back with the issuer's word for who it is; Unavailable.
        """
        state = self._kept(kept)
        if not hmac.compare_digest(answer.get("state", "").encode(), str(state["state"]).encode()):
            raise _stranger()
        endpoints = await self._issuer.endpoints()
        # An answer of another issuer must not be traded with this one.
        if answer.get("iss", "" if endpoints.names_itself else self._issuer.url) != self._issuer.url:
            raise _stranger()
        if "error" in answer or not answer.get("code"):
            raise _refused()
        tokens = await self._traded(endpoints.token, answer["code"], state)
        return Arrival(await self._account(str(tokens.get("id_token", "")), str(state["nonce"])), str(state["next"]))

    async def identity(self, access_token: str) -> Identity:
        """Return whom an access token of the issuer speaks for. Raises Unauthenticated, Unavailable."""
        if not self._client.audience:
            raise Unauthenticated("TOKEN_INVALID", "The access token is not valid.")
        claims = await self._issuer.claims(access_token, self._client.audience, ())
        if "nonce" in claims:
            # A word about somebody who signed in, not a permission to speak for them.
            raise Unauthenticated("TOKEN_INVALID", "The access token is not valid.")
        return Identity(self._id(claims), self._role(claims), datetime.fromtimestamp(claims["exp"], UTC))

    def issued(self, token: str) -> bool:
        """Return whether a token says that it is the issuer's; nothing is known yet of whether it is true."""
        try:
            told = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError):
            return False
        return bool(told.get("iss") == self._issuer.url)

    async def keys(self) -> list[Mapping[str, Any]]:
        """Return the issuer's keys, for those who verify its tokens and cannot ask it themselves."""
        return list(await self._issuer.keys())

    def _kept(self, kept: str) -> Mapping[str, Any]:
        try:
            found: dict[str, Any] = jwt.decode(
                kept, self._key, algorithms=["HS256"], issuer=self._issuer.url, options={"require": _STATE}
            )
        except (jwt.PyJWTError, ValueError):
            raise _stranger() from None
        return found

    async def _traded(self, url: str, code: str, state: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": str(state["redirect_uri"]),
            "code_verifier": str(state["verifier"]),
            "client_id": self._client.id,
        }
        secret = {"client_secret": self._client.secret} if self._client.secret else {}
        told = await fetched("POST", url, data={**asked, **secret}, refusal=_refused())
        if "id_token" not in told:
            raise _refused()
        return told

    async def _account(self, id_token: str, nonce: str) -> Account:
        claims = await self._issuer.claims(id_token, self._client.id, ("nonce",))
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        meant = claims.get("azp", self._client.id) == self._client.id and (len(audiences) == 1 or "azp" in claims)
        if not meant or not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise Unauthenticated("TOKEN_INVALID", "The token is not valid.")
        email, verified = claims.get("email"), claims.get("email_verified")
        if not isinstance(email, str) or not email or not (verified is True or self._client.trusts_emails):
            raise Unauthenticated(
                "EMAIL_UNVERIFIED", "The account there has no email address that is known to be yours."
            )
        name = str(claims.get("name") or email.partition("@")[0])[:120]
        # No password fits an empty hash.
        return Account(self._id(claims), email[:254], name, self._role(claims), "")

    def _id(self, claims: Mapping[str, Any]) -> str:
        """Return the account of somebody there: always the same, and nobody's who registered here."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._issuer.url}\n{claims['sub']}"))

    def _role(self, claims: Mapping[str, Any]) -> str:
        found: Any = claims.get(self._client.role_claim)
        if found is None:
            found = claims
            for part in self._client.role_claim.split("."):
                found = found.get(part) if isinstance(found, dict) else None
        roles = found if isinstance(found, list) else [found]
        return "admin" if self._client.admin_role and self._client.admin_role in roles else "shopper"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _stranger() -> Unauthenticated:
    return Unauthenticated("SIGN_IN_STATE_INVALID", "Begin to sign in again: this answer is not to a question of ours.")


def _refused() -> Unauthenticated:
    return Unauthenticated("SIGN_IN_REFUSED", "Signing in there did not work. Try again.")
