"""Who may call a method: workloads by the certificate they showed, users by the role the caller answers for."""

from collections.abc import Iterable

from envoy_data_plane.envoy.config.rbac.v3 import (
    Permission,
    Policy,
    Principal,
    PrincipalAuthenticated,
    PrincipalSet,
    Rbac,
    RbacAction,
)
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac as RbacFilter
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Method, Trust

FILTER = "envoy.filters.http.rbac"

# The roles that satisfy a method, by the least of them; whoever is nobody need not be looked at.
_SATISFIED_BY = {"shopper": "shopper|admin", "admin": "admin"}
SIGNED_IN = frozenset(_SATISFIED_BY)


def nobody() -> HttpFilter:
    """Return the filter that refuses whatever no route says otherwise of."""
    return HttpFilter(name=FILTER, typed_config=Any.pack(RbacFilter(rules=Rbac(action=RbacAction.ALLOW))))


def of_method(trust: Trust, method: Method) -> dict[str, Any]:
    """Return that a method's callers may call it under their own names, for users of its role."""
    return _allowed(
        {caller: [*_called_by(trust, caller), *_for_users(method.role)] for caller in sorted(method.callers)}
    )


def of_workloads(trust: Trust, workloads: Iterable[str]) -> dict[str, Any]:
    """Return that some workloads may ask."""
    return _allowed({name: [_shows(StringMatcher(exact=trust.identity(name)))] for name in sorted(workloads)})


def of_members(trust: Trust) -> dict[str, Any]:
    """Return that everybody in the mesh may ask."""
    return _allowed({"members": [_shows(StringMatcher(prefix=trust.everybody))]})


def of_anybody() -> dict[str, Any]:
    """Return that who asks shows nothing: only for what tells nothing."""
    return _allowed({"anybody": [Principal(any=True)]})


def _called_by(trust: Trust, caller: str) -> list[Principal]:
    """Return that a certificate and the name that is given for it agree."""
    named = HeaderMatcher(name="x-aisle-caller", string_match=StringMatcher(exact=caller))
    return [_shows(StringMatcher(exact=trust.identity(caller))), Principal(header=named)]


def _for_users(role: str) -> list[Principal]:
    satisfied = _SATISFIED_BY.get(role)
    if satisfied is None:
        return []
    holds = StringMatcher(safe_regex=RegexMatcher(regex=satisfied))
    return [Principal(header=HeaderMatcher(name="x-aisle-role", string_match=holds))]


def _shows(identity: StringMatcher) -> Principal:
    return Principal(authenticated=PrincipalAuthenticated(principal_name=identity))


def _allowed(whom: dict[str, list[Principal]]) -> dict[str, Any]:
    policies = {
        name: Policy(permissions=[Permission(any=True)], principals=[_all(principals)])
        for name, principals in whom.items()
    }
    rules = RbacFilter(rules=Rbac(action=RbacAction.ALLOW, policies=policies))
    return {FILTER: Any.pack(RbacPerRoute(rbac=rules))}


def _all(principals: list[Principal]) -> Principal:
    return principals[0] if len(principals) == 1 else Principal(and_ids=PrincipalSet(ids=principals))
