"""Rate limits: the guard of each Envoy, and what the rate limiter is asked about each request.

A request is counted by who makes it: the subject of a token that Envoy verified, an API key, or else the address. What
happens while nobody counts is said by its rate class; so there are two filters, and a route speaks to one of them.
"""

from collections.abc import Iterable

from envoy_data_plane.envoy.config.core.v3 import (
    ApiVersion,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    RuntimeFractionalPercent,
)
from envoy_data_plane.envoy.config.ratelimit.v3 import RateLimitServiceConfig
from envoy_data_plane.envoy.config.route.v3 import (
    HeaderMatcher,
    RateLimit,
    RateLimitAction,
    RateLimitActionGenericKey,
    RateLimitActionHeaderValueMatch,
    RateLimitActionMaskedRemoteAddress,
    RateLimitActionRequestHeaders,
)
from envoy_data_plane.envoy.extensions.filters.http.local_ratelimit.v3 import LocalRateLimit
from envoy_data_plane.envoy.extensions.filters.http.ratelimit.v3 import RateLimit as RateLimitFilter
from envoy_data_plane.envoy.extensions.filters.http.ratelimit.v3 import RateLimitXRateLimitHeadersRfcVersion
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.envoy.type.v3 import FractionalPercent, HttpStatus, StatusCode, TokenBucket
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import FIRST_HOP, EdgeRoute, Method, Shown, Topology
from services.control_plane.translate import wire

_PASSES, _REFUSES = 0, 1
# A shopper does not wait for a count. Who spends money may: refusing because the machine was busy for a blink would be
# the greater harm.
_PATIENCE = {_PASSES: 0.05, _REFUSES: 0.5}
# Classes whose calls are counted between services: what the edge cannot see of them, such as messages of a WebSocket.
_COUNTED_INSIDE = frozenset({"generate", "bulk"})
_READS = "GET|HEAD|OPTIONS"


def guard(requests_per_second: int) -> HttpFilter:
    """Return the outer guard: what one Envoy lets in, counted by itself and before anybody is asked."""
    always = RuntimeFractionalPercent(default_value=FractionalPercent(numerator=100))
    limit = LocalRateLimit(
        stat_prefix="edge_guard",
        token_bucket=TokenBucket(
            max_tokens=requests_per_second,
            tokens_per_fill=max(1, requests_per_second // 10),
            fill_interval=wire.seconds(0.1 if requests_per_second >= 10 else 1 / requests_per_second),
        ),
        filter_enabled=always,
        filter_enforced=always,
    )
    return HttpFilter(name="envoy.filters.http.local_ratelimit", typed_config=Any.pack(limit))


def filters(topology: Topology, domain: str) -> list[HttpFilter]:
    """Return the filters that ask the rate limiter: one that lets pass while it is away, and one that does not."""
    if not topology.rate_limiter:
        return []
    return [_filter(topology.rate_limiter, domain, stage) for stage in (_PASSES, _REFUSES)]


def of_edge_route(topology: Topology, route: EdgeRoute) -> list[RateLimit]:
    """Return what requests of a part of the edge are counted as."""
    if not topology.rate_limiter or not route.rate_class:
        return []
    if route.rate_class == route.write_rate_class:
        classes = [(route.rate_class, _always("class", route.rate_class))]
    else:
        reads = _header(":method", StringMatcher(safe_regex=RegexMatcher(regex=_READS)))
        classes = [
            (route.rate_class, _when("class", route.rate_class, reads)),
            (route.write_rate_class, _when("class", route.write_rate_class, reads, unless=True)),
        ]
    return [
        RateLimit(stage=_stage(topology, rate_class), actions=[counted_as, *asker])
        for rate_class, counted_as in classes
        for asker in _askers(route.shown)
    ]


def of_method(topology: Topology, method: Method) -> list[RateLimit]:
    """Return what calls of a method are counted as where the BFF makes them: other services call for their own ends."""
    if not topology.rate_limiter or method.rate_class not in _COUNTED_INSIDE or FIRST_HOP not in method.callers:
        return []
    first_hop = _when("caller", FIRST_HOP, _header("x-aisle-caller", StringMatcher(exact=FIRST_HOP)))
    signed_in = _header("x-aisle-role", StringMatcher(safe_regex=RegexMatcher(regex="shopper|admin")))
    askers = (
        [_when("signed-in", "yes", signed_in), _from_header("x-aisle-subject", "user")],
        [_when("signed-in", "no", signed_in, unless=True), _from_header("x-aisle-address", "address")],
    )
    stage = _stage(topology, method.rate_class)
    counted_as = [_always("class", method.rate_class), first_hop]
    return [RateLimit(stage=stage, actions=[*counted_as, *asker]) for asker in askers]


def _filter(limiter: str, domain: str, stage: int) -> HttpFilter:
    service = GrpcService(envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=limiter), timeout=wire.seconds(_PATIENCE[stage]))
    headers = RateLimitXRateLimitHeadersRfcVersion
    asking = RateLimitFilter(
        domain=domain,
        stage=stage,
        timeout=wire.seconds(_PATIENCE[stage]),
        failure_mode_deny=stage == _REFUSES,
        status_on_error=HttpStatus(code=StatusCode.ServiceUnavailable),
        rate_limited_as_resource_exhausted=True,
        rate_limit_service=RateLimitServiceConfig(grpc_service=service, transport_api_version=ApiVersion.V3),
        enable_x_ratelimit_headers=headers.DRAFT_VERSION_03 if domain == wire.EDGE else headers.OFF,
        disable_x_envoy_ratelimited_header=True,
        stat_prefix="refuses" if stage == _REFUSES else "passes",
    )
    name = f"envoy.filters.http.ratelimit.{asking.stat_prefix}"
    return HttpFilter(name=name, typed_config=Any.pack(asking))


def _stage(topology: Topology, rate_class: str) -> int:
    return _PASSES if topology.passes_uncounted(rate_class) else _REFUSES


def _askers(shown: Shown) -> Iterable[list[RateLimitAction]]:
    """Return the ways in which a request may be somebody's; Envoy leaves out those that do not apply to it."""
    if shown is Shown.NOTHING:
        return ([_address()],)
    # Envoy itself wrote this header, from a token it verified: the listener drops those that come from outside.
    header, who = ("x-aisle-subject", "user") if shown is Shown.TOKEN else ("authorization", "key")
    shows_none = _when("shown", "nothing", HeaderMatcher(name=header, present_match=True), unless=True)
    return ([_from_header(header, who)], [shows_none, _address()])


def _always(key: str, value: str) -> RateLimitAction:
    return RateLimitAction(generic_key=RateLimitActionGenericKey(descriptor_key=key, descriptor_value=value))


def _when(key: str, value: str, matcher: HeaderMatcher, *, unless: bool = False) -> RateLimitAction:
    """Return an action that applies to requests with (or without) a header; without it nothing is counted."""
    match = RateLimitActionHeaderValueMatch(
        descriptor_key=key, descriptor_value=value, expect_match=not unless, headers=[matcher]
    )
    return RateLimitAction(header_value_match=match)


def _from_header(name: str, key: str) -> RateLimitAction:
    return RateLimitAction(request_headers=RateLimitActionRequestHeaders(header_name=name, descriptor_key=key))


def _address() -> RateLimitAction:
    """Return the address; of IPv6 the network that one customer has, or each could be a billion askers."""
    masked = RateLimitActionMaskedRemoteAddress(v4_prefix_mask_len=32, v6_prefix_mask_len=64)
    return RateLimitAction(masked_remote_address=masked)


def _header(name: str, matcher: StringMatcher) -> HeaderMatcher:
    return HeaderMatcher(name=name, string_match=matcher)
