"""What Envoy says when it answers itself: each API has its own words for errors, people get a page that comes back."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

import grpc
from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    HeaderFilter,
    MetadataFilter,
    StatusCodeFilter,
)
from envoy_data_plane.envoy.config.core.v3 import (
    DataSource,
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    RuntimeUInt32,
    SubstitutionFormatString,
)
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    LocalReplyConfig,
    ResponseMapper,
)
from envoy_data_plane.envoy.type.matcher.v3 import (
    MetadataMatcher,
    MetadataMatcherPathSegment,
    StringMatcher,
    ValueMatcher,
)
from envoy_data_plane.google.protobuf import Struct
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from services.control_plane.translate import wire

# Under this prefix errors have the shape that OpenAI's clients know.
_OPENAI = "/v1/"
_APIS = ("/api/", _OPENAI)
# What services say of themselves (services/runtime/interceptors.py), without telling who may.
_NOT_ALLOWED, _NOT_ALLOWED_WORDS = "CALLER_NOT_ALLOWED", "The caller, or whom it calls for, may not call this."


@dataclass(frozen=True, slots=True)
class _Problem:
    status: int
    title: str
    detail: str
    retry_after: int = 0
    # Where the services say it in words of their own.
    reason: str = ""


# Fixed sentences: Envoy's own tell outsiders addresses and reasons that are none of their business.
_PROBLEMS = (
    _Problem(400, "Bad request", "The request is not valid HTTP."),
    _Problem(401, "Unauthenticated", "The access token is not valid.", reason="TOKEN_INVALID"),
    _Problem(403, "Forbidden", "This is not allowed here."),
    _Problem(404, "Not found", "There is nothing at this address."),
    _Problem(408, "Request timeout", "The request took too long to arrive."),
    _Problem(413, "Content too large", "The request's body is larger than is allowed here."),
    _Problem(426, "Upgrade required", "This protocol version is not spoken here."),
    _Problem(429, "Too many requests", "Too many requests; try again a little later.", retry_after=1),
    _Problem(431, "Header fields too large", "The request's headers are larger than is allowed."),
    _Problem(500, "Internal error", "The request could not be handled."),
    _Problem(502, "Bad gateway", "The service gave no valid answer."),
    _Problem(503, "Unavailable", "The service cannot be reached right now; try again shortly.", retry_after=1),
    _Problem(504, "Timeout", "The service did not answer in time."),
)

_EXPIRED = _Problem(401, "Unauthenticated", "The access token has expired.", reason="TOKEN_EXPIRED")

_WAITING_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>One moment</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;color:#333;display:grid;place-items:center;min-height:90vh}</style>
</head><body><p>One moment, the shop is opening its doors.</p></body></html>
"""


def problem_details(headers: Sequence[HeaderValueOption] = ()) -> LocalReplyConfig:
    """Return the mapping: RFC 9457 for programs, OpenAI's errors for its clients, and for people a page that tries
    again while the shop is away. All of them carry some headers.
    """
    # The first that matches wins. Problems name no path: a request refused for its headers has none that is known.
    mappers = [_page(), _expired(), *map(_openai_mapper, _PROBLEMS), *map(_mapper, _PROBLEMS)]
    return LocalReplyConfig(
        mappers=[replace(mapper, headers_to_add=[*mapper.headers_to_add, *headers]) for mapper in mappers]
    )


def _expired() -> ResponseMapper:
    """Return the answer to a token that was good once: its client gets a new one and asks again."""
    message = MetadataMatcher(
        filter=wire.JWT_FILTER,
        path=[MetadataMatcherPathSegment(key=part) for part in (wire.TOKEN_FAILURE, "message")],
        value=ValueMatcher(string_match=StringMatcher(exact="Jwt is expired")),
    )
    why = AccessLogFilter(metadata_filter=MetadataFilter(matcher=message, match_if_key_not_found=False))
    return replace(_mapper(_EXPIRED), filter=_all(_status(401), why))


def refused(service: str) -> LocalReplyConfig:
    """Return what whoever may not call is told by the proxy beside a service: the reason the service would give."""
    info = error_details_pb2.ErrorInfo(reason=_NOT_ALLOWED, domain=f"{service}.aisle")
    status = Status(code=grpc.StatusCode.PERMISSION_DENIED.value[0], message=_NOT_ALLOWED_WORDS)
    status.details.add().Pack(info)
    details = base64.b64encode(status.SerializeToString(deterministic=True)).decode().rstrip("=")
    words = SubstitutionFormatString(text_format_source=DataSource(inline_string=_NOT_ALLOWED_WORDS))
    return LocalReplyConfig(
        mappers=[
            ResponseMapper(
                filter=_status(403),
                body_format_override=words,
                headers_to_add=[wire.header("grpc-status-details-bin", details)],
            )
        ]
    )


def _mapper(problem: _Problem) -> ResponseMapper:
    reason = _reason(problem)
    body: dict[str, object] = {
        "type": f"urn:aisle:problem:{reason}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "reason": reason,
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return _said(problem, _status(problem.status), body, "application/problem+json")


def _openai_mapper(problem: _Problem) -> ResponseMapper:
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    error = {
        "message": problem.detail,
        "type": "rate_limit_error" if problem.status == 429 else kind,
        "code": _reason(problem).lower(),
        "param": None,
    }
    which = _all(_status(problem.status), _path(_OPENAI, inside=True))
    return _said(problem, which, {"error": error}, "application/json")


def _reason(problem: _Problem) -> str:
    return problem.reason or problem.title.upper().replace(" ", "_")


def _said(problem: _Problem, which: AccessLogFilter, body: dict[str, object], kind: str) -> ResponseMapper:
    return ResponseMapper(
        filter=which,
        body_format_override=SubstitutionFormatString(json_format=Struct.from_dict(body), content_type=kind),
        headers_to_add=[_retry_after(problem.retry_after)] if problem.retry_after else [],
    )


def _page() -> ResponseMapper:
    return ResponseMapper(
        filter=_all(_status(503), *(_path(api, inside=False) for api in _APIS)),
        body_format_override=SubstitutionFormatString(
            text_format_source=DataSource(inline_string=_WAITING_PAGE), content_type="text/html; charset=utf-8"
        ),
        headers_to_add=[wire.header("retry-after", "1"), wire.header("cache-control", "no-store")],
    )


def _retry_after(seconds: int) -> HeaderValueOption:
    """Return a wait for answers that bring none: the rate limiter knows better."""
    return HeaderValueOption(
        header=HeaderValue(key="retry-after", value=str(seconds)),
        append_action=HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT,
    )


def _status(code: int) -> AccessLogFilter:
    # Envoy wants a runtime key here; nothing sets it, so the value is always ours.
    value = RuntimeUInt32(default_value=code, runtime_key=f"aisle.local_reply.{code}")
    return AccessLogFilter(
        status_code_filter=StatusCodeFilter(comparison=ComparisonFilter(op=ComparisonFilterOp.EQ, value=value))
    )


def _path(prefix: str, inside: bool) -> AccessLogFilter:
    matcher = HeaderMatcher(name=":path", string_match=StringMatcher(prefix=prefix), invert_match=not inside)
    return AccessLogFilter(header_filter=HeaderFilter(header=matcher))


def _all(*filters: AccessLogFilter) -> AccessLogFilter:
    return AccessLogFilter(and_filter=AndFilter(filters=list(filters)))
