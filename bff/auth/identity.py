"""Finds out who is behind a request, and tells the calls made for it."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from bff.auth.external import ExternalSignIn
from bff.auth.tokens import AccessTokens, Identity
from services.runtime.errors import Denied, Invalid, Unauthenticated
from services.runtime.interceptors import current_call

_BEARER = HTTPBearer(auto_error=False, scheme_name="AccessToken", description="An access token of `/api/v1/auth`.")
_VISITOR = APIKeyHeader(
    name="X-Visitor-Id",
    auto_error=False,
    scheme_name="Visitor",
    description="A UUID the client made for a visitor who is not signed in.",
)


def visitor_subject(visitor_id: str) -> str:
    """Return the subject of an anonymous visitor. Raises Invalid (VISITOR_ID_INVALID)."""
    try:
        return f"visitor:{UUID(visitor_id)}"
    except ValueError:
        raise Invalid("VISITOR_ID_INVALID", "The visitor id must be a UUID.") from None


async def identity_from(connection: HTTPConnection, token: str, visitor_id: str) -> Identity:
    """Return whom a token or a visitor id speaks for; the token counts when there are both."""
    visitor = Identity(visitor_subject(visitor_id)) if visitor_id else Identity()
    return speak_for(await _checked(connection, token) if token else visitor)


async def _checked(connection: HTTPConnection, token: str) -> Identity:
    """Return whom a token speaks for; only the issuer it names is asked whether it is good."""
    external: ExternalSignIn | None = connection.app.state.external
    if external is not None and external.issued(token):
        return await external.identity(token)
    tokens: AccessTokens = connection.app.state.tokens
    return tokens.check(token)


def speak_for(identity: Identity) -> Identity:
    """Make every further call of this request on behalf of somebody."""
    call = current_call.get()
    if call is not None:
        call.caller = replace(call.caller, subject=identity.subject, role=identity.role)
    return identity


async def anyone(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    visitor_id: Annotated[str | None, Security(_VISITOR)],
) -> Identity:
    """Return who asks, possibly nobody in particular. A token that is not good is refused, not ignored."""
    if credentials is None and "authorization" in request.headers:
        raise Unauthenticated("TOKEN_INVALID", "Send `Authorization: Bearer` and an access token.")
    return await identity_from(request, credentials.credentials if credentials else "", visitor_id or "")


Anyone = Annotated[Identity, Depends(anyone)]


async def somebody(identity: Anyone) -> Identity:
    """Return who asks; an account or a visitor."""
    if not identity.subject:
        raise Unauthenticated("SIGN_IN_REQUIRED", "Sign in, or send X-Visitor-Id.")
    return identity


async def member(identity: Anyone) -> Identity:
    """Return who asks; an account."""
    if identity.role == "anonymous":
        raise Unauthenticated("SIGN_IN_REQUIRED", "Sign in to do this.")
    return identity


async def admin(identity: Annotated[Identity, Depends(member)]) -> Identity:
    """Return who asks; staff."""
    if not identity.is_admin:
        raise Denied("ROLE_TOO_LOW", "Your role does not allow this.")
    return identity


Somebody = Annotated[Identity, Depends(somebody)]
Member = Annotated[Identity, Depends(member)]
Admin = Annotated[Identity, Depends(admin)]
