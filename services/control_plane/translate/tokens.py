"""Access tokens at the edge: verified by Envoy, told to those behind in headers only Envoy can write.

What is asked of a request is said by the route it really takes, not by a second look at its path: no way of writing a
path leads past it. Whoever shows no token passes as nobody; the service behind decides what nobody may do.
"""

from envoy_data_plane.envoy.config.core.v3 import HttpUri
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import (
    JwksAsyncFetch,
    JwtAuthentication,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementOrList,
    PerRouteConfig,
    RemoteJwks,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any, Empty

from services.control_plane.topology import EdgeRoute, Issuer, Shown, Topology
from services.control_plane.translate import wire

_REQUEST, _SOCKET = _ASKED = ("token", "socket")
# Clocks of issuers may differ by as much.
_SKEW_SECONDS = 2
_OFFERED = JwtHeader(name="Sec-WebSocket-Protocol", value_prefix="aisle.token.")


def filters(topology: Topology) -> list[HttpFilter]:
    """Return the filter that verifies tokens; none where nobody issues any."""
    if not topology.issuers:
        return []
    named = [(f"{kind}-{number}", kind, issuer) for number, issuer in enumerate(topology.issuers) for kind in _ASKED]
    verifying = JwtAuthentication(
        providers={name: _provider(issuer, kind) for name, kind, issuer in named},
        requirement_map={kind: _asked([name for name, of, _ in named if of == kind], kind) for kind in _ASKED},
    )
    return [HttpFilter(name=wire.JWT_FILTER, typed_config=Any.pack(verifying))]


def of_edge_route(topology: Topology, route: EdgeRoute) -> dict[str, Any]:
    """Return what is asked of requests that take a route."""
    if not topology.issuers:
        return {}
    if route.shown is not Shown.TOKEN:
        return {wire.JWT_FILTER: Any.pack(PerRouteConfig(disabled=True))}
    return {wire.JWT_FILTER: Any.pack(PerRouteConfig(requirement_name=_SOCKET if route.websocket else _REQUEST))}


def _provider(issuer: Issuer, kind: str) -> JwtProvider:
    header = JwtHeader(name="Authorization", value_prefix="Bearer ")
    return JwtProvider(
        issuer=issuer.name,
        audiences=list(issuer.audiences),
        require_expiration=True,
        clock_skew_seconds=_SKEW_SECONDS,
        remote_jwks=RemoteJwks(
            http_uri=HttpUri(
                uri=f"http://{issuer.service}{issuer.path}", cluster=issuer.service, timeout=wire.seconds(2)
            ),
            cache_duration=wire.seconds(issuer.keys_seconds),
            # The listener opens at once; a token that comes before the keys are there is refused, not believed.
            async_fetch=JwksAsyncFetch(fast_listener=True, failed_refetch_duration=wire.seconds(0.25)),
        ),
        # Read by local_replies.
        failed_status_in_metadata=wire.TOKEN_FAILURE,
        # The service behind verifies it again.
        forward=True,
        # At the opening of a WebSocket a browser's script has a say in one header only.
        from_headers=[header, _OFFERED] if kind == _SOCKET else [header],
        claim_to_headers=[
            JwtClaimToHeader(header_name="x-aisle-subject", claim_name="sub"),
            JwtClaimToHeader(header_name="x-aisle-role", claim_name=issuer.role_claim),
        ],
    )


def _asked(providers: list[str], kind: str) -> JwtRequirement:
    """Return that a token has to be good where there is one.

    A socket's is only looked at here: it is opened first and then told why it closes, which a browser hears of nothing
    that was refused before.
    """
    otherwise = (
        JwtRequirement(allow_missing_or_failed=Empty()) if kind == _SOCKET else JwtRequirement(allow_missing=Empty())
    )
    good = [JwtRequirement(provider_name=name) for name in providers]
    return JwtRequirement(requires_any=JwtRequirementOrList(requirements=[*good, otherwise]))
