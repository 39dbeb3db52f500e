"""Product pictures from a folder, for whoever holds a signed address."""

import hashlib
import hmac
import mimetypes
import re
import time
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from bff.settings import BffSettings
from services.runtime.errors import Denied, NotFound

router = APIRouter(include_in_schema=False)

# The same keys the catalogue takes: no empty or hidden part, so no way out of the folder.
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
_KINDS = {".webp", ".jpg", ".jpeg", ".png", ".avif"}
_LONGEST_SECONDS = 30 * 24 * 3600

mimetypes.add_type("image/webp", ".webp")
mimetypes.add_type("image/avif", ".avif")


@router.api_route("/media/{key:path}", methods=["GET", "HEAD"])
async def get_media(key: str, request: Request, expires: str = "", signature: str = "") -> Response:
    """Return a picture. Raises Denied for an address that is forged or too old."""
    settings: BffSettings = request.app.state.settings
    seconds_left = _checked(settings.media_signing_key.get_secret_value(), key, expires, signature)
    file = _file(settings.media_dir, key)
    headers = {"Cache-Control": f"public, max-age={min(seconds_left, _LONGEST_SECONDS)}, immutable"}
    answer = FileResponse(file, headers=headers, stat_result=file.stat())
    if request.headers.get("if-none-match") == answer.headers["etag"]:
        return Response(status_code=304, headers=headers)
    return answer


def _checked(signing_key: str, key: str, expires: str, signature: str) -> int:
    """Return for how many seconds an address is still good."""
    expected = hmac.new(signing_key.encode(), f"{key}|{expires}".encode(), hashlib.sha256).hexdigest()
    if not signing_key or not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Denied("MEDIA_SIGNATURE_INVALID", "This address was not signed by the shop.")
    seconds_left = int(expires) - int(time.time()) if expires.isdecimal() else 0
    if seconds_left <= 0:
        raise Denied("MEDIA_LINK_EXPIRED", "This address is no longer good. Load the page again.")
    return seconds_left


def _file(folder: str, key: str) -> Path:
    missing = NotFound("MEDIA_NOT_FOUND", "There is no such picture.")
    if not folder or len(key) > 300 or not _KEY.fullmatch(key):
        raise missing
    root = Path(folder).resolve()
    file = (root / key).resolve()
    if not file.is_relative_to(root) or file.suffix not in _KINDS or not file.is_file():
        raise missing
    return file
