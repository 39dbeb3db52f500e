"""Browsers: the cookie that holds their refresh token, and whether it is a page of ours that asks.

The cookie is for two routes only, and no script can read it. A route takes it from a request that a page of another
site cannot make: with a header only a script can set, and with an origin of ours, which a browser always tells.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.runtime.errors import Denied, Unauthenticated

PATH = "/api/v1/auth"
# A request that brings the cookie says so. No form can send a header, and a script of another site has to ask first.
SESSION_HEADER = "X-Session"
_SAID = "cookie"
# Browsers take a cookie of this name only over https, and only with `Secure`.
_SECURE_NAME = "__Secure-aisle-refresh"
_PLAIN_NAME = "aisle-refresh"


class Browsers:
    """Knows the shop's own origins, and keeps refresh tokens where only the browser itself can reach them."""

    def __init__(self, origins: Iterable[str], lifetime_seconds: int) -> None:
        """Take the origins the shop is opened at, none for whatever host a request names, and a cookie's life."""
        self._origins = frozenset(origins)
        self._lifetime = lifetime_seconds

    def keep_others_out(self, request: Request) -> None:
        """Refuse what a page of another site asks. Raises Denied (CROSS_SITE)."""
        origin = request.headers.get("origin")
        fetched = request.headers.get("sec-fetch-site")
        if (origin is not None and not self._ours(request, origin)) or fetched not in (None, "same-origin", "none"):
            raise Denied("CROSS_SITE", "Only the shop's own pages may ask this.")

    def give(self, request: Request, response: Response, refresh_token: str) -> None:
        """Have the browser keep a refresh token."""
        self._set(request, response, refresh_token, self._lifetime)

    def take(self, request: Request) -> str:
        """Return the refresh token the browser keeps.

        Raises Denied (CROSS_SITE) unless it is certain that a page of ours asks, Unauthenticated
        (REFRESH_TOKEN_INVALID) for no cookie or for two, one of which somebody else has put there.
        """
        self.keep_others_out(request)
        if request.headers.get(SESSION_HEADER) != _SAID or "origin" not in request.headers:
            raise Denied("CROSS_SITE", f"Send the refresh token, or `{SESSION_HEADER}: {_SAID}` from a page of ours.")
        name = self._name(request)
        pairs = (pair.partition("=") for line in request.headers.getlist("cookie") for pair in line.split(";"))
        found = [value.strip() for key, _, value in pairs if key.strip() == name]
        if len(found) != 1 or not found[0]:
            raise Unauthenticated("REFRESH_TOKEN_INVALID", "Sign in again.")
        return found[0]

    def forget(self, request: Request, response: Response) -> None:
        """Have the browser forget its refresh token."""
        self._set(request, response, "", 0)

    def own_origin(self, request: Request) -> str:
        """Return the origin of ours that a request was sent to; empty when it names none of them."""
        host = request.headers.get("host", "")
        return next((known for known in self._origins if urlsplit(known).netloc == host), "")

    def is_secure(self, request: Request) -> bool:
        """Return whether the browser asks over https, be it only as far as a proxy."""
        origin = request.headers.get("origin", "")
        if self._origins:
            return all(known.startswith("https://") for known in self._origins)
        return request.url.scheme == "https" or origin.startswith("https://")

    def _set(self, request: Request, response: Response, value: str, seconds: int) -> None:
        response.set_cookie(
            self._name(request),
            value,
            max_age=seconds,
            path=PATH,
            secure=self.is_secure(request),
            httponly=True,
            samesite="strict",
        )

    def _name(self, request: Request) -> str:
        return _SECURE_NAME if self.is_secure(request) else _PLAIN_NAME

    def _ours(self, request: Request, origin: str) -> bool:
        if self._origins:
            return origin in self._origins
        asked = urlsplit(origin)
        # Behind a proxy that ends TLS an https page may look like http to us; the other way round it may not.
        schemes = ("https",) if request.url.scheme == "https" else ("http", "https")
        return asked.scheme in schemes and bool(asked.netloc) and asked.netloc == request.headers.get("host")
