"""The routes of signing in."""

from fastapi import APIRouter, Depends, Request, Response

from bff.auth.accounts import Account
from bff.auth.browser import Browsers
from bff.auth.identity import Member
from bff.auth.schemas import Credentials, Keeper, KeySet, RefreshRequest, Registration, Session, User
from bff.auth.sign_in import SignedIn, SignIn
from bff.auth.tokens import AccessTokens
from bff.errors import documented
from bff.inputs import require_json

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], dependencies=[Depends(require_json)])

keys = APIRouter(tags=["auth"])


@keys.get("/.well-known/jwks.json")
async def get_signing_keys(request: Request, response: Response) -> KeySet:
    """Return the public keys that check access tokens; more than one while they change."""
    response.headers["Cache-Control"] = "public, max-age=60"
    tokens: AccessTokens = request.app.state.tokens
    return KeySet.model_validate(tokens.published())


@router.post("/register", status_code=201, responses=documented(403, 409, 429))
async def register(body: Registration, request: Request, response: Response) -> Session:
    """Open an account for a shopper and sign in."""
    _browsers(request).keep_others_out(request)
    granted = await _sign_in(request).register(body.email, body.password, body.name, _address(request))
    return _session(granted, body.session_kept_in, request, response)


@router.post("/login", responses=documented(401, 403, 429))
async def login(body: Credentials, request: Request, response: Response) -> Session:
    """Sign in with email and password."""
    _browsers(request).keep_others_out(request)
    granted = await _sign_in(request).login(body.email, body.password, _address(request))
    return _session(granted, body.session_kept_in, request, response)


@router.post("/refresh", responses=documented(401, 403))
async def refresh_session(body: RefreshRequest, request: Request, response: Response) -> Session:
    """Trade a refresh token for new tokens. It is good for one trade: a second one ends the session.

    A token that came in the cookie is answered in the cookie and never told in the body. Tabs that trade it in the same
    moment get the same successor.
    """
    browsers, sign_in = _browsers(request), _sign_in(request)
    if body.refresh_token is not None:
        browsers.keep_others_out(request)
        return _session(await sign_in.refresh(body.refresh_token), "body", request, response)
    granted = await sign_in.refresh(browsers.take(request), from_browser=True)
    return _session(granted, "cookie", request, response)


@router.post("/logout", status_code=204, responses=documented(401, 403))
async def logout(body: RefreshRequest, request: Request, response: Response) -> None:
    """End the session a refresh token belongs to, on every device that shares it. An unknown token is no error."""
    browsers, sign_in = _browsers(request), _sign_in(request)
    if body.refresh_token is not None:
        browsers.keep_others_out(request)
        await sign_in.logout(body.refresh_token)
        return
    token = browsers.take(request)
    browsers.forget(request, response)
    await sign_in.logout(token)


@router.get("/me", responses=documented(401))
async def get_me(identity: Member, request: Request) -> User:
    """Return who is signed in."""
    return _user(await _sign_in(request).account(identity.subject))


def _sign_in(request: Request) -> SignIn:
    found: SignIn = request.app.state.sign_in
    return found


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _browsers(request: Request) -> Browsers:
    found: Browsers = request.app.state.browsers
    return found


def _session(granted: SignedIn, kept_in: Keeper, request: Request, response: Response) -> Session:
    if kept_in == "cookie":
        _browsers(request).give(request, response, granted.refresh_token)
    return Session(
        access_token=granted.access_token,
        refresh_token=granted.refresh_token if kept_in == "body" else None,
        expires_in=granted.expires_in,
        user=_user(granted.account),
    )


def _user(account: Account) -> User:
    return User(
        id=account.id,
        email=account.email,
        name=account.name,
        role="admin" if account.role == "admin" else "shopper",
    )
