"""The routes by which a browser signs in with another issuer: there, and back."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from starlette.responses import RedirectResponse

from bff.auth.browser import Browsers
from bff.auth.external import PATIENCE, ExternalSignIn
from bff.auth.sign_in import SignIn
from bff.errors import documented
from services.runtime.errors import AisleError, NotFound

PATH = "/api/v1/auth/oidc"
CALLBACK = f"{PATH}/callback"
# Where the front end takes over, signed in or told why not.
_ARRIVED, _REFUSED = "/signed-in", "/sign-in"

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
keys = APIRouter(tags=["auth"])


class ExternalIssuer(BaseModel):
    """Somewhere else one can sign in."""

    name: str


class ExternalIssuers(BaseModel):
    """All of them."""

    issuers: list[ExternalIssuer]


class ExternalKeys(BaseModel):
    """The keys another issuer publishes (RFC 7517), passed on."""

    keys: list[dict[str, object]]


@router.get("/issuers")
async def list_issuers(request: Request) -> ExternalIssuers:
    """Return where else one can sign in."""
    configured = request.app.state.external is not None
    return ExternalIssuers(issuers=[ExternalIssuer(name=request.app.state.settings.oidc_name)] if configured else [])


@router.get("/oidc/start", status_code=303, response_class=RedirectResponse, responses=documented(403, 404))
async def start_external_sign_in(
    request: Request, next_page: Annotated[str, Query(alias="next", max_length=1000)] = "/"
) -> Response:
    """Send a browser to the other issuer."""
    external, browsers = _external(request), _browsers(request)
    started = await external.start(browsers.own_origin(request), own_page(next_page))
    answer = RedirectResponse(started.location, 303)
    _keep(answer, browsers, request, started.state, int(PATIENCE.total_seconds()))
    return answer


@router.get("/oidc/callback", status_code=303, response_class=RedirectResponse, responses=documented(404))
async def finish_external_sign_in(request: Request) -> Response:
    """Take a browser that comes back: signed in, or to the sign-in page with the reason why not."""
    external, browsers = _external(request), _browsers(request)
    sign_in: SignIn = request.app.state.sign_in
    kept = request.cookies.get(_name(browsers, request), "")
    try:
        arrival = await external.finish(kept, _only(request))
        granted = await sign_in.arrive(arrival.account)
    except AisleError as refused:
        page = quote(external.wanted(kept), safe="")
        answer = RedirectResponse(f"{_REFUSED}?problem={refused.reason}&next={page}", 303)
    else:
        answer = RedirectResponse(f"{_ARRIVED}?next={quote(arrival.next, safe='')}", 303)
        browsers.give(request, answer, granted.refresh_token)
    # One question, one answer.
    _keep(answer, browsers, request, "", 0)
    return answer


@keys.get("/.well-known/oidc-jwks.json", responses=documented(404))
async def get_external_keys(request: Request, response: Response) -> ExternalKeys:
    """Return the keys of the other issuer, so that Envoy need not know the way there."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return ExternalKeys(keys=[dict(key) for key in await _external(request).keys()])


def own_page(path: str) -> str:
    """Return a page of ours to go on to: a path, never another site's address however it is written."""
    plain = path.isprintable() and path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if plain else "/"


def _external(request: Request) -> ExternalSignIn:
    found: ExternalSignIn | None = request.app.state.external
    if found is None:
        raise NotFound("ISSUER_NOT_FOUND", "There is no other issuer to sign in with.")
    return found


def _browsers(request: Request) -> Browsers:
    found: Browsers = request.app.state.browsers
    return found


def _only(request: Request) -> dict[str, str]:
    """Return the parameters of an answer; one that is there twice is none."""
    pairs = request.query_params.multi_items()
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def _name(browsers: Browsers, request: Request) -> str:
    return "__Secure-aisle-oidc" if browsers.is_secure(request) else "aisle-oidc"


def _keep(answer: Response, browsers: Browsers, request: Request, state: str, seconds: int) -> None:
    # Lax: the way back begins at the other issuer's page.
    answer.set_cookie(
        _name(browsers, request),
        state,
        max_age=seconds,
        path=PATH,
        secure=browsers.is_secure(request),
        httponly=True,
        samesite="lax",
    )
