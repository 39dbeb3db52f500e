"""Tokens as no library would make them."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from jwt.utils import base64url_encode


def by_secret(head: Mapping[str, Any], claims: Mapping[str, Any], secret: str) -> str:
    """Return a token signed by a secret, whatever that is: a public key, for those who take it for one."""
    told = {"alg": "HS256", "typ": "JWT", **head}
    body = b".".join(base64url_encode(json.dumps(part).encode()) for part in (told, dict(claims)))
    return b".".join((body, base64url_encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()))).decode()
