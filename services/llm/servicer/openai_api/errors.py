"""Errors in the shape OpenAI's clients know."""

import math
from collections.abc import Mapping
from typing import Any

from services.llm.servicer.openai_api.fields import Bad
from services.runtime import errors

_STATUS: Mapping[type[errors.AisleError], int] = {
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.Invalid: 400,
    errors.Conflict: 409,
    errors.Precondition: 409,
    errors.Exhausted: 429,
    errors.Unavailable: 503,
    errors.DeadlineExceeded: 504,
    errors.Unauthenticated: 401,
    errors.Denied: 403,
}
# What these reasons are called there, and the status that goes with them.
_KNOWN: Mapping[str, tuple[int, str]] = {
    "MODEL_NOT_FOUND": (404, "model_not_found"),
    "CONTEXT_TOO_LONG": (400, "context_length_exceeded"),
    "API_KEY_INVALID": (401, "invalid_api_key"),
    "BUDGET_SPENT": (429, "insufficient_quota"),
}
_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "server_error",
}
# Seconds a client waits for another try at the most; whoever has to wait longer should hear of it.
_LONGEST_PAUSE = 60.0


def body(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI tells it."""
    kind = _TYPES.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}


def told(error: errors.AisleError | Bad) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of a refusal."""
    if isinstance(error, Bad):
        return error.status, body(error.status, str(error), error.code, error.param or None), {}
    subclass = next((kind for kind in _STATUS if isinstance(error, kind)), None)
    status, code = _KNOWN.get(error.reason, (_STATUS[subclass] if subclass else 500, error.reason.lower()))
    headers: dict[str, str] = {}
    if isinstance(error, errors.Retryable):
        headers["retry-after"] = str(math.ceil(error.retry_after))
        if error.retry_after > _LONGEST_PAUSE:
            # OpenAI's SDKs would try again within seconds all the same.
            headers["x-should-retry"] = "false"
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    param = error.violations[0].field if isinstance(error, errors.Invalid) and error.violations else None
    return status, body(status, error.message, code, param), headers


def unexpected(request_id: str) -> dict[str, Any]:
    """Return the answer to a bug: a fixed text and the id that leads to the log."""
    return body(500, f"The request failed on our side. Request {request_id}.", "internal")
