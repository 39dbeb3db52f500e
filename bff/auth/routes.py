"""The routes of signing in."""

from fastapi import APIRouter, Depends, Request

from bff.auth.accounts import Account
from bff.auth.identity import Member
from bff.auth.schemas import Credentials, RefreshRequest, Registration, Session, User
from bff.auth.sign_in import SignedIn, SignIn
from bff.errors import documented
from bff.inputs import require_json

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], dependencies=[Depends(require_json)])


@router.post("/register", status_code=201, responses=documented(409, 429))
async def register(body: Registration, request: Request) -> Session:
    """Open an account for a shopper and sign in."""
    return _session(await _sign_in(request).register(body.email, body.password, body.name, _address(request)))


@router.post("/login", responses=documented(401, 429))
async def login(body: Credentials, request: Request) -> Session:
    """Sign in with email and password."""
    return _session(await _sign_in(request).login(body.email, body.password, _address(request)))


@router.post("/refresh", responses=documented(401))
async def refresh_session(body: RefreshRequest, request: Request) -> Session:
    """Trade a refresh token for new tokens. It is good for one trade: a second one ends the session."""
    return _session(await _sign_in(request).refresh(body.refresh_token))


@router.get("/me", responses=documented(401))
async def get_me(identity: Member, request: Request) -> User:
    """Return who is signed in."""
    return _user(await _sign_in(request).account(identity.subject))


def _sign_in(request: Request) -> SignIn:
    found: SignIn = request.app.state.sign_in
    return found


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _session(granted: SignedIn) -> Session:
    return Session(
        access_token=granted.access_token,
        refresh_token=granted.refresh_token,
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
