"""Opaque page tokens after AIP-158: a cursor bound to the arguments it was made for, signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from services.runtime.errors import FieldViolation, Invalid

_SIGNATURE_BYTES = 12


class PageTokens:
    """Makes and reads page tokens with one key."""

    def __init__(self, key: str) -> None:
        """Take the signing key, the same on all replicas."""
        self._key = key.encode()

    def make(self, cursor: Sequence[Any], request: Message) -> str:
        """Return a token for the page after `cursor` (JSON values) of the same request."""
        body = json.dumps([list(cursor), _arguments(request)], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(body) + body).decode().rstrip("=")

    def read(self, request: Message) -> list[Any] | None:
        """Return the cursor of the request's token, None on the first page.

        Raises Invalid (PAGE_TOKEN_MISMATCH) when the token is not ours or belongs to other arguments.
        """
        token: str = getattr(request, "page_token")  # noqa: B009 - every list request has one
        if not token:
            return None
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise _mismatch() from None
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body)):
            raise _mismatch()
        cursor, arguments = json.loads(body)
        if arguments != _arguments(request):
            raise _mismatch()
        return list(cursor)

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def page_size(asked: int, default: int, maximum: int) -> int:
    """Return the size a page gets: 0 means the default, too much means the maximum."""
    return default if asked == 0 else min(asked, maximum)


def _arguments(request: Message) -> str:
    """Return a fingerprint of all arguments but the page's place and size."""
    copy = type(request)()
    copy.CopyFrom(request)
    copy.ClearField("page_token")
    copy.ClearField("page_size")
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()[:16]


def _mismatch() -> Invalid:
    return Invalid(
        "PAGE_TOKEN_MISMATCH",
        "The page token is not one of this list. Start again without it.",
        [FieldViolation("page_token", "does not belong to these arguments")],
    )
