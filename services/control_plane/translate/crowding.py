"""How many requests of a part of the edge are let in at once: fewer as soon as answers take longer than is usual.

What a full service is sent beyond what it can do only waits, until everybody waits. So Envoy measures how long answers
take and refuses what would wait, before it costs anybody anything: as many as can be are served as if there were no
crowd, and the others are told to come again. The usual time is stated and not measured: to measure it, Envoy would let
in hardly anybody for a moment, again and again, however quiet it is.
"""

from envoy_data_plane.envoy.config.route.v3 import FilterConfig
from envoy_data_plane.envoy.extensions.filters.http.adaptive_concurrency.v3 import (
    AdaptiveConcurrency,
    GradientControllerConfig,
    GradientControllerConfigConcurrencyLimitCalculationParams,
    GradientControllerConfigMinimumRttCalculationParams,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import EdgeRoute, Topology
from services.control_plane.translate import wire

_FILTER = "envoy.filters.http.adaptive_concurrency"
# Long enough for some answers, short enough that a crowd is not kept waiting.
_LOOK_SECONDS = 0.1
# Half of the answers may be slow for reasons of their own.
_MEDIAN = 50.0
# Answers that take this much longer than usual are still usual.
_LEEWAY_PERCENT = 25.0


def filters(topology: Topology) -> list[HttpFilter]:
    """Return a filter for each part of the edge that states its usual time; off but for that part's own requests."""
    return [
        HttpFilter(name=_name(route), typed_config=Any.pack(_watched(route)), disabled=True)
        for route in topology.edge_routes
        if route.usual_seconds
    ]


def of_edge_route(route: EdgeRoute) -> dict[str, Any]:
    """Return what switches a part's own filter on."""
    return {_name(route): Any.pack(FilterConfig(config=Any()))} if route.usual_seconds else {}


def _name(route: EdgeRoute) -> str:
    return f"{_FILTER}:{route.prefix}"


def _watched(route: EdgeRoute) -> AdaptiveConcurrency:
    return AdaptiveConcurrency(
        gradient_controller_config=GradientControllerConfig(
            sample_aggregate_percentile=Percent(value=_MEDIAN),
            concurrency_limit_params=GradientControllerConfigConcurrencyLimitCalculationParams(
                max_concurrency_limit=route.most_at_once, concurrency_update_interval=wire.seconds(_LOOK_SECONDS)
            ),
            min_rtt_calc_params=GradientControllerConfigMinimumRttCalculationParams(
                fixed_value=wire.seconds(route.usual_seconds),
                # The fewest that are ever let in at once: one page of the shop asks for several things together.
                min_concurrency=route.least_at_once,
                buffer=Percent(value=_LEEWAY_PERCENT),
            ),
        )
    )
