"""The one table from domain errors to HTTP, and the problem document (RFC 9457) they are told in."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.runtime import errors
from services.runtime.interceptors import current_call

MEDIA_TYPE = "application/problem+json"

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
    errors.Internal: 500,
}

TITLES: Mapping[int, str] = {
    400: "The request makes no sense",
    401: "Sign in to do this",
    403: "This is not for you",
    404: "There is nothing here",
    405: "This address does not do that",
    406: "We cannot answer in that form",
    409: "Something else happened meanwhile",
    413: "The request is too large",
    415: "We cannot read that form",
    422: "A field has a value it cannot have",
    429: "That was a little fast",
    500: "Something went wrong on our side",
    503: "Part of the shop is away for a moment",
    504: "That took too long",
}

_REASONS: Mapping[int, str] = {
    400: "REQUEST_MALFORMED",
    401: "SIGN_IN_REQUIRED",
    403: "DENIED",
    404: "ROUTE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
    415: "MEDIA_TYPE_UNSUPPORTED",
}

_NO_SUCH_ADDRESS = "No page or resource has this address."

# Said instead of an upstream's own words when those were not written for shoppers.
_DETAILS: Mapping[int, str] = {
    500: "The request failed. Quote its id when you report it.",
    503: "Try again in a moment.",
    504: "Try again in a moment.",
}


class FieldProblem(BaseModel):
    """One field at fault."""

    field: str = Field(description="Path of the field, for example `price.minor`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why a request was refused."""

    type: str = Field(description="`urn:aisle:problem:` and the reason.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, in a sentence.")
    reason: str = Field(description="The reason for programs, UPPER_SNAKE.")
    request_id: str = Field(description="Leads to the log.")
    errors: list[FieldProblem] | None = Field(None, description="The fields at fault.")
    retry_after_seconds: float | None = Field(None, description="When another try makes sense.")


def make(
    status: int,
    reason: str,
    detail: str,
    fields: Sequence[FieldProblem] = (),
    retry_after: float | None = None,
) -> Problem:
    """Return a problem of the request being answered."""
    return Problem(
        type=f"urn:aisle:problem:{reason}",
        title=TITLES.get(status, TITLES[400 if status < 500 else 500]),
        status=status,
        detail=detail,
        reason=reason,
        request_id=request_id(),
        errors=list(fields) or None,
        retry_after_seconds=retry_after,
    )


def request_id() -> str:
    """Return the id of the request being answered, empty outside of one."""
    call = current_call.get()
    return call.request_id if call else ""


def status_of(error: errors.AisleError) -> int:
    """Return the HTTP status of a domain error."""
    if isinstance(error, errors.Invalid) and error.violations:
        return 422
    return _STATUS.get(type(error), 500)


def explained(error: errors.AisleError) -> bool:
    """Return whether the error's message was written for whoever asked."""
    # An error without a reason of its own comes from a proxy or a library: its words are not for shoppers.
    plumbing = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED"}
    return not isinstance(error, errors.Internal) and error.reason not in plumbing


def problem_of(error: errors.AisleError) -> Problem:
    """Return the problem that tells a domain error."""
    status = status_of(error)
    reason = "INTERNAL" if isinstance(error, errors.Internal) else error.reason
    detail = error.message if explained(error) else _DETAILS.get(status, TITLES[status] + ".")
    fields: list[FieldProblem] = []
    if isinstance(error, errors.Invalid):
        fields = [FieldProblem(field=v.field, message=v.description) for v in error.violations]
    retry_after = error.retry_after if isinstance(error, errors.Retryable) else None
    return make(status, reason, detail, fields, retry_after)


def problem_of_validation(found: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the problem that tells what Pydantic found: 400 for a body that is not JSON, 422 for its fields."""
    if any(error["type"] == "json_invalid" for error in found):
        return make(400, "JSON_MALFORMED", "The body is not JSON.")
    if any(error["loc"] and error["loc"][0] == "path" for error in found):
        return make(404, "ROUTE_NOT_FOUND", _NO_SUCH_ADDRESS)
    fields = [FieldProblem(field=_path(error["loc"]), message=str(error["msg"])) for error in found[:20]]
    detail = f"{fields[0].field}: {fields[0].message}." if fields else TITLES[422] + "."
    return make(422, "FIELD_INVALID", detail, fields)


def _path(location: Sequence[Any]) -> str:
    parts = [str(part) for part in location]
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    return ".".join(parts)[:200] or "body"


def response(problem: Problem) -> Response:
    """Return a problem as an answer."""
    headers = {"Cache-Control": "no-store"}
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="aisle"'
        if problem.reason.startswith("TOKEN_"):
            headers["WWW-Authenticate"] += ', error="invalid_token"'
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(math.ceil(problem.retry_after_seconds))
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers, media_type=MEDIA_TYPE)


async def on_domain_error(request: Request, error: Exception) -> Response:
    """Answer an error a service or a route raised on purpose."""
    assert isinstance(error, errors.AisleError)
    return response(problem_of(error))


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer a request whose fields do not fit."""
    assert isinstance(error, RequestValidationError)
    return response(problem_of_validation(error.errors()))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router or a middleware refused."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    reason = _REASONS.get(status, "REQUEST_REFUSED" if status < 500 else "INTERNAL")
    details = {
        404: _NO_SUCH_ADDRESS,
        405: f"{request.method} is not possible here.",
    }
    answer = response(make(status, reason, details.get(status, str(error.detail))))
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


async def on_unexpected(request: Request, error: Exception) -> Response:
    """Answer a bug: a fixed text and the id that leads to the log."""
    return response(make(500, "INTERNAL", _DETAILS[500]))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for these problem statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}
