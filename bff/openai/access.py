"""Who may use the models: holders of a key, and staff."""

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bff.auth.identity import speak_for
from bff.auth.tokens import AccessTokens, Identity
from bff.settings import BffSettings
from services.runtime.errors import Denied, Unauthenticated

_BEARER = HTTPBearer(auto_error=False, scheme_name="ApiKey", description="An API key, or the access token of staff.")


async def granted(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Identity:
    """Return who may use the models. Raises Unauthenticated (API_KEY_INVALID) or Denied."""
    settings: BffSettings = request.app.state.settings
    tokens: AccessTokens = request.app.state.tokens
    if credentials is None:
        raise Unauthenticated("API_KEY_INVALID", "Send `Authorization: Bearer` and an API key.")
    given = credentials.credentials
    if _among(given, settings.accepted_api_keys()):
        # Named by a fingerprint, so that whoever counts usage by caller never sees a key.
        return speak_for(Identity(f"key:{hashlib.sha256(given.encode()).hexdigest()[:12]}"))
    try:
        identity = tokens.check(given)
    except Unauthenticated:
        raise Unauthenticated("API_KEY_INVALID", "This API key is not known.") from None
    if not identity.is_admin:
        raise Denied("ROLE_TOO_LOW", "The models are open to API keys and to staff.")
    return speak_for(identity)


def _among(given: str, keys: tuple[str, ...]) -> bool:
    """Compare with every key in constant time: how long it takes says nothing about any of them."""
    digest = hashlib.sha256(given.encode()).digest()
    matches = [hmac.compare_digest(digest, hashlib.sha256(key.encode()).digest()) for key in keys]
    return any(matches)
