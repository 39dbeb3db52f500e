"""An issuer of tokens that is not ours (OpenID Connect): what it says of itself, its keys, and whether it said so."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt

from services.runtime.errors import Unauthenticated, Unavailable

# Signatures only: with a shared secret, whoever checks tokens could make them.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_SECONDS = 2
_DOCUMENT_SECONDS = 3600.0
_KEYS_SECONDS = 300.0
# However many tokens name keys nobody knows, the issuer is asked no more often.
_ASK_AGAIN_SECONDS = 10.0
_PATIENCE_SECONDS = 5.0
_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an issuer wants to be asked."""

    authorize: str
    token: str
    keys: str
    # Whether its answers name it (RFC 9207).
    names_itself: bool


class Issuer:
    """One issuer, asked when needed; what it said is kept for a while."""

    def __init__(self, url: str, keys_url: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """Take its address, which is its name, and where its keys are if it does not say so itself."""
        self.url = url
        self._keys_url = keys_url
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._told_at = self._keys_at = float("-inf")
        self._published: Sequence[Mapping[str, Any]] = ()

    async def endpoints(self) -> Endpoints:
        """Return where to ask. Raises Unavailable (ISSUER_AWAY)."""
        if self._endpoints is None or self._clock() - self._told_at > _DOCUMENT_SECONDS:
            told = await fetched("GET", f"{self.url.rstrip('/')}/.well-known/openid-configuration")
            self._endpoints = self._read(told)
            self._told_at = self._clock()
        return self._endpoints

    async def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the keys it publishes. Those that are known stay good while it is away."""
        if self._clock() - self._keys_at > (_KEYS_SECONDS if self._published else _ASK_AGAIN_SECONDS):
            try:
                await self._ask_for_keys()
            except Unavailable:
                if not self._published:
                    raise
        if not self._published:
            raise _away("no keys")
        return self._published

    async def claims(self, token: str, audience: str, required: Sequence[str]) -> Mapping[str, Any]:
        """Return what a token of this issuer for an audience says.

        Raises Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID), Unavailable (ISSUER_AWAY).
        """
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                await self._key_of(token),
                algorithms=_ALGORITHMS,
                issuer=self.url,
                audience=audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "sub", "iat", "exp", *required]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("TOKEN_EXPIRED", "The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _invalid() from None
        if not found["sub"]:
            raise _invalid()
        return found

    async def _key_of(self, token: str) -> jwt.PyJWK:
        """Return the key a token names: one this issuer publishes, whatever else the token says about keys."""
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS:
            raise jwt.InvalidAlgorithmError("not an algorithm we take")
        named = header.get("kid")
        found = _named(await self.keys(), named)
        if found is None and self._clock() - self._keys_at > _ASK_AGAIN_SECONDS:
            await self._ask_for_keys()
            found = _named(self._published, named)
        if found is None:
            raise jwt.InvalidKeyError("unknown key")
        # A key that does not say what it is for is good for what the token says, if it can be.
        return jwt.PyJWK(dict(found), algorithm=found.get("alg") or header["alg"])

    async def _ask_for_keys(self) -> None:
        # Counted before it is known how it ends: an issuer that is away is not asked for every token.
        self._keys_at = self._clock()
        told = await fetched("GET", self._keys_url or (await self.endpoints()).keys)
        keys = told.get("keys")
        if not isinstance(keys, list):
            raise _away("keys that are none")
        self._published = tuple(key for key in keys if isinstance(key, dict) and _signs(key))

    def _read(self, told: Mapping[str, Any]) -> Endpoints:
        """Return what the discovery document says. It has to be this issuer's own, and to lead nowhere less safe."""
        if told.get("issuer") != self.url:
            raise _away("another name")
        named = [told.get(key) for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if any(not isinstance(url, str) or not urlsplit(url).netloc for url in named):
            raise _away("no endpoints")
        if self.url.startswith("https://") and any(not str(url).startswith("https://") for url in named):
            raise _away("endpoints without TLS")
        if "S256" not in told.get("code_challenge_methods_supported", ["S256"]):
            raise _away("no PKCE")
        authorize, token, keys = map(str, named)
        return Endpoints(authorize, token, keys, told.get("authorization_response_iss_parameter_supported") is True)


async def fetched(method: str, url: str, refusal: Exception | None = None, **options: Any) -> Mapping[str, Any]:
    """Return the JSON object at an address of the issuer.

    Raises Unavailable (ISSUER_AWAY), or the refusal that is given when the issuer says that the request is at fault.
    """
    try:
        async with httpx2.AsyncClient(timeout=_PATIENCE_SECONDS, follow_redirects=False) as client:
            answer = await client.request(method, url, headers={"Accept": "application/json"}, **options)
            if refusal is not None and 400 <= answer.status_code < 500:
                raise refusal
            answer.raise_for_status()
            told = answer.json() if len(answer.content) <= _LARGEST_ANSWER else None
    except (httpx2.HTTPError, ValueError) as error:
        raise _away(type(error).__name__) from error
    if not isinstance(told, dict):
        raise _away("something else than an object")
    return told


def _away(why: str) -> Unavailable:
    return Unavailable("ISSUER_AWAY", "Signing in there is not possible for a moment.", 5.0, why=why)


def _invalid() -> Unauthenticated:
    return Unauthenticated("TOKEN_INVALID", "The token is not valid.")


def _signs(key: Mapping[str, Any]) -> bool:
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _named(keys: Sequence[Mapping[str, Any]], name: Any) -> Mapping[str, Any] | None:
    """Return the key of a name; without a name the only one there is."""
    if name is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.get("kid") == name), None)
