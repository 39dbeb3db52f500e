"""Errors in the shape OpenAI's clients know."""

import json
import math
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bff import errors as problems
from bff.sse import data_only
from services.runtime.errors import AisleError, Invalid, NotFound, Retryable

# What these reasons are called there, and the status that goes with them.
_KNOWN: Mapping[str, tuple[int, str]] = {
    "MODEL_NOT_FOUND": (404, "model_not_found"),
    "CONTEXT_TOO_LONG": (400, "context_length_exceeded"),
    "API_KEY_INVALID": (401, "invalid_api_key"),
}
_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "server_error",
}


def body(status: int, message: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI tells it."""
    kind = _TYPES.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}


def told(error: AisleError) -> tuple[int, dict[str, Any]]:
    """Return status and body of a domain error."""
    problem = problems.problem_of(error)
    status, code = _KNOWN.get(error.reason, (problem.status, problem.reason.lower()))
    if isinstance(error, Invalid) and status == 422:
        status = 400
    if isinstance(error, NotFound) and error.reason == "MODEL_NOT_FOUND":
        status = 404
    param = problem.errors[0].field if problem.errors else None
    return status, body(status, problem.detail, code, param)


def event(error: AisleError) -> bytes:
    """Return an error that comes in the middle of a stream."""
    return data_only(json.dumps(told(error)[1]))


async def on_domain_error(request: Request, error: Exception) -> Response:
    """Answer an error a service or a route raised on purpose."""
    assert isinstance(error, AisleError)
    status, content = told(error)
    headers = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, Retryable) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status, headers)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer a request whose fields do not fit; OpenAI says 400 to all of them."""
    assert isinstance(error, RequestValidationError)
    problem = problems.problem_of_validation(error.errors())
    param = problem.errors[0].field if problem.errors else None
    return JSONResponse(body(400, problem.detail, problem.reason.lower(), param), 400)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router or a middleware refused."""
    assert isinstance(error, HTTPException)
    content = body(error.status_code, str(error.detail), None)
    return JSONResponse(content, error.status_code, error.headers)


async def on_unexpected(request: Request, error: Exception) -> Response:
    """Answer a bug: a fixed text and the id that leads to the log."""
    message = f"The request failed on our side. Request {problems.request_id()}."
    return JSONResponse(body(500, message, "internal_error"), 500)
