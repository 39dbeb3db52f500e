"""What Envoy says when it answers itself: each API has its own words for errors, people get a page that comes back."""

from dataclasses import dataclass

from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    HeaderFilter,
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
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Struct

# Under this prefix errors have the shape that OpenAI's clients know.
_OPENAI = "/v1/"
_APIS = ("/api/", _OPENAI)


@dataclass(frozen=True, slots=True)
class _Problem:
    status: int
    title: str
    detail: str
    retry_after: int = 0


# Fixed sentences: Envoy's own tell outsiders addresses and reasons that are none of their business.
_PROBLEMS = (
    _Problem(400, "Bad request", "The request is not valid HTTP."),
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

_WAITING_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>One moment</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;color:#333;display:grid;place-items:center;min-height:90vh}</style>
</head><body><p>One moment, the shop is opening its doors.</p></body></html>
"""


def problem_details() -> LocalReplyConfig:
    """Return the mapping: RFC 9457 for programs, OpenAI's errors for its clients, and for people a page that tries
    again while the shop is away.
    """
    # The first that matches wins. Problems name no path: a request refused for its headers has none that is known.
    return LocalReplyConfig(mappers=[_page(), *map(_openai_mapper, _PROBLEMS), *map(_mapper, _PROBLEMS)])


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
    return problem.title.upper().replace(" ", "_")


def _said(problem: _Problem, which: AccessLogFilter, body: dict[str, object], kind: str) -> ResponseMapper:
    return ResponseMapper(
        filter=which,
        body_format_override=SubstitutionFormatString(json_format=Struct.from_dict(body), content_type=kind),
        headers_to_add=[_header("retry-after", str(problem.retry_after))] if problem.retry_after else [],
    )


def _page() -> ResponseMapper:
    return ResponseMapper(
        filter=_all(_status(503), *(_path(api, inside=False) for api in _APIS)),
        body_format_override=SubstitutionFormatString(
            text_format_source=DataSource(inline_string=_WAITING_PAGE), content_type="text/html; charset=utf-8"
        ),
        headers_to_add=[_header("retry-after", "1"), _header("cache-control", "no-store")],
    )


def _header(key: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=key, value=value),
        append_action=HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
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
