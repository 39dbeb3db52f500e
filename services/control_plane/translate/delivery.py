"""Delivery: which version of a service a call goes to, which gets a copy of it, and what is done to it on purpose."""

from dataclasses import replace

from envoy_data_plane.envoy.config.core.v3 import RuntimeFractionalPercent
from envoy_data_plane.envoy.config.route.v3 import (
    HeaderMatcher,
    Route,
    RouteAction,
    RouteActionRequestMirrorPolicy,
    RouteMatch,
    WeightedCluster,
    WeightedClusterClusterWeight,
)
from envoy_data_plane.envoy.extensions.filters.common.fault.v3 import FaultDelay
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import FractionalPercent, FractionalPercentDenominatorType
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import STABLE, Delivery, Fault, HeaderRule
from services.control_plane.translate import wire

_MILLION = 1_000_000


def routes(name: str, path: str, action: RouteAction, delivery: Delivery, may_copy: bool) -> list[Route]:
    """Return the routes of one method: for each rule one, and one for everybody else.

    Only calls without effects may be copied: a copy of an order would be a second order.
    """
    filters = {wire.FAULT_FILTER: Any.pack(_fault(delivery.fault))} if delivery.fault is not None else {}
    by_header = [
        Route(
            name=f"{name} {rule.header}={rule.value}",
            match=RouteMatch(path=path, headers=[_carries(rule)]),
            route=replace(action, cluster=wire.cluster_name(delivery.service, rule.version)),
            typed_per_filter_config=dict(filters),
        )
        for rule in delivery.rules
    ]
    everybody = replace(
        action,
        cluster=None if delivery.weights else wire.cluster_name(delivery.service, STABLE),
        weighted_clusters=_weighted(delivery) if delivery.weights else None,
        request_mirror_policies=[_copied(delivery)] if delivery.shadow and may_copy else [],
    )
    return [
        *by_header,
        Route(name=name, match=RouteMatch(path=path), route=everybody, typed_per_filter_config=dict(filters)),
    ]


def _carries(rule: HeaderRule) -> HeaderMatcher:
    return HeaderMatcher(name=rule.header, string_match=StringMatcher(exact=rule.value))


def _weighted(delivery: Delivery) -> WeightedCluster:
    return WeightedCluster(
        clusters=[
            WeightedClusterClusterWeight(name=wire.cluster_name(delivery.service, version), weight=weight)
            for version, weight in delivery.weights
        ]
    )


def _copied(delivery: Delivery) -> RouteActionRequestMirrorPolicy:
    return RouteActionRequestMirrorPolicy(
        cluster=wire.cluster_name(delivery.service, delivery.shadow),
        runtime_fraction=RuntimeFractionalPercent(default_value=_percent(delivery.shadow_percent)),
    )


def _fault(fault: Fault) -> HttpFault:
    """Return the fault; the filter has no other than those that routes name."""
    delay = FaultDelay(fixed_delay=wire.seconds(fault.delay_seconds), percentage=_percent(fault.delay_percent))
    abort = FaultAbort(grpc_status=fault.abort_code, percentage=_percent(fault.abort_percent))
    carried = [HeaderMatcher(name=fault.header, string_match=StringMatcher(exact=fault.value))] if fault.header else []
    return HttpFault(
        delay=delay if fault.delay_percent else None, abort=abort if fault.abort_percent else None, headers=carried
    )


def _percent(percent: float) -> FractionalPercent:
    parts = round(percent / 100 * _MILLION)
    return FractionalPercent(numerator=parts, denominator=FractionalPercentDenominatorType.MILLION)
