"""The built front end: its files, and its one page for every address a person can open."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

# Addresses of programs: what is not found there is a problem, not a page.
_NOT_PAGES = ("/api/", "/v1/", "/media/", "/assets/", "/healthz", "/readyz")
_FOREVER = "public, max-age=31536000, immutable"


class FrontEnd:
    """What answers when no route does."""

    def __init__(self, folder: str) -> None:
        """Take the folder of the built front end; without one there are no pages."""
        usable = bool(folder) and (Path(folder) / "index.html").is_file()
        self._files = StaticFiles(directory=folder) if usable else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, the page, or 404."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4404})
            return
        response = await self._respond(Request(scope))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if self._files is None or request.method not in ("GET", "HEAD"):
            raise HTTPException(404)
        path = self._files.get_path(request.scope)
        if not path.startswith("api") and path not in (".", "index.html"):
            found = await self._file(path, request)
            if found is not None:
                return found
        path_asked = request.url.path
        wants_page = path_asked == "/" or "text/html" in request.headers.get("accept", "")
        if path_asked.startswith(_NOT_PAGES) or not wants_page:
            raise HTTPException(404)
        page = await self._files.get_response("index.html", request.scope)
        page.headers["Cache-Control"] = "no-cache"
        return page

    async def _file(self, path: str, request: Request) -> Response | None:
        assert self._files is not None
        for encoding, suffix in _encodings(request.headers):
            packed = await self._try(path + suffix, request)
            if packed is not None:
                return _as_original(packed, path, encoding)
        plain = await self._try(path, request)
        if plain is not None:
            plain.headers["Cache-Control"] = _FOREVER if path.startswith("assets" + os.sep) else "no-cache"
        return plain

    async def _try(self, path: str, request: Request) -> Response | None:
        assert self._files is not None
        try:
            return await self._files.get_response(path, request.scope)
        except HTTPException as missing:
            if missing.status_code == 404:
                return None
            raise


def _encodings(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    accepted = headers.get("accept-encoding", "")
    return [(name, suffix) for name, suffix in (("br", ".br"), ("gzip", ".gz")) if name in accepted]


def _as_original(packed: Response, path: str, encoding: str) -> Response:
    """Return a packed file under the original's type."""
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
    kind = kinds.get(Path(path).suffix, "application/octet-stream")
    packed.headers["Content-Type"] = f"{kind}; charset=utf-8"
    packed.headers["Content-Encoding"] = encoding
    packed.headers["Vary"] = "Accept-Encoding"
    packed.headers["Cache-Control"] = _FOREVER if path.startswith("assets" + os.sep) else "no-cache"
    return packed
