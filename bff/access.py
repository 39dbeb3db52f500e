"""Who may use which route, in one table. An application with a route that is not in it does not start.

The table says what is promised; what keeps the promise is the dependency of the same name in bff/auth/identity.py, and
each route must have it. A test asks every route as everybody, and compares the answers with the table.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from bff.auth.identity import admin, anyone, member, somebody


class Least(Enum):
    """The least that must be known of whoever asks."""

    # Nothing is asked, not even whether a token is good: signing in, health, addresses that carry a signature.
    NOTHING = "nothing"
    # Nobody in particular; but a token that is not good is refused.
    ANYONE = "anyone"
    # An account, or a visitor who made up an id. Things belong to one of them.
    SOMEBODY = "somebody"
    # An account.
    MEMBER = "member"
    # Staff.
    ADMIN = "admin"


ACCESS: Mapping[str, Least] = {
    "GET /healthz": Least.NOTHING,
    "GET /readyz": Least.NOTHING,
    "GET /api/openapi.json": Least.NOTHING,
    "GET /media/{key:path}": Least.NOTHING,
    "POST /api/v1/auth/register": Least.NOTHING,
    "POST /api/v1/auth/login": Least.NOTHING,
    "POST /api/v1/auth/refresh": Least.NOTHING,
    "POST /api/v1/auth/logout": Least.NOTHING,
    "GET /api/v1/auth/issuers": Least.NOTHING,
    "GET /api/v1/auth/oidc/start": Least.NOTHING,
    "GET /api/v1/auth/oidc/callback": Least.NOTHING,
    "GET /.well-known/jwks.json": Least.NOTHING,
    "GET /.well-known/oidc-jwks.json": Least.NOTHING,
    "GET /api/v1/auth/me": Least.MEMBER,
    "GET /api/v1/categories": Least.ANYONE,
    "GET /api/v1/products": Least.ANYONE,
    "GET /api/v1/products/search": Least.ANYONE,
    "GET /api/v1/products/{product_id}": Least.ANYONE,
    "GET /api/v1/products/{product_id}/reviews": Least.ANYONE,
    "POST /api/v1/products": Least.ADMIN,
    "PATCH /api/v1/products/{product_id}": Least.ADMIN,
    "DELETE /api/v1/products/{product_id}": Least.ADMIN,
    "POST /api/v1/products/generate-description": Least.ADMIN,
    "GET /api/v1/recommendations": Least.ANYONE,
    "POST /api/v1/chat/sessions": Least.SOMEBODY,
    "GET /api/v1/chat/sessions/{session_id}": Least.SOMEBODY,
    "DELETE /api/v1/chat/sessions/{session_id}": Least.SOMEBODY,
    "POST /api/v1/chat/message": Least.SOMEBODY,
    "WS /api/v1/chat/ws": Least.SOMEBODY,
    "GET /api/v1/articles": Least.ANYONE,
    "GET /api/v1/articles/{article_id}": Least.ANYONE,
    "POST /api/v1/events": Least.SOMEBODY,
    "GET /api/v1/analytics/overview": Least.ADMIN,
    "GET /api/v1/analytics/models": Least.ADMIN,
    "GET /api/v1/analytics/{report}": Least.ADMIN,
    "GET /api/v1/gateway/usage": Least.ADMIN,
    "GET /api/v1/gateway/keys": Least.ADMIN,
    "POST /api/v1/gateway/keys": Least.ADMIN,
    "DELETE /api/v1/gateway/keys/{key_id}": Least.ADMIN,
    "GET /api/v1/gateway/budgets": Least.ADMIN,
    "PUT /api/v1/gateway/budgets": Least.ADMIN,
    "DELETE /api/v1/gateway/budgets/{budget_id}": Least.ADMIN,
    "GET /api/v1/gateway/changes": Least.ADMIN,
    "GET /api/v1/mesh": Least.ADMIN,
    "PUT /api/v1/mesh/delivery": Least.ADMIN,
    "GET /api/v1/traces": Least.ADMIN,
    "GET /api/v1/traces/{trace_id}": Least.ADMIN,
    "GET /api/v1/metrics": Least.ADMIN,
}

_KEEPERS: Mapping[Least, Callable[..., Any]] = {
    Least.ANYONE: anyone,
    Least.SOMEBODY: somebody,
    Least.MEMBER: member,
    Least.ADMIN: admin,
}


class AccessNotDeclared(Exception):
    """Routes and the table do not agree: somebody could ask for more than was decided."""


def check(app: FastAPI) -> None:
    """Compare the routes of an application with the table. Raises AccessNotDeclared."""
    found = dict(routes(app))
    wrong = [f"{key} is not in bff/access.py" for key in found if key not in ACCESS]
    wrong += [f"{key} is in bff/access.py and not served" for key in ACCESS if key not in found]
    wrong += [
        f"{key} is promised to {ACCESS[key].value}, and nothing there keeps others out"
        for key, route in found.items()
        if key in ACCESS and not _keeps(key, route, ACCESS[key])
    ]
    if wrong:
        raise AccessNotDeclared("; ".join(wrong))


def routes(app: FastAPI) -> Iterator[tuple[str, RouteContext]]:
    """Yield every route as it stands in the table; HEAD goes where GET goes."""
    for route in iter_route_contexts(app.routes):
        if not route.methods:
            yield f"WS {route.path}", route
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield f"{method} {route.path}", route


def _keeps(key: str, route: RouteContext, least: Least) -> bool:
    # A socket finds out who it is inside, because a refusal is told with a code after the handshake.
    if least is Least.NOTHING or key.startswith("WS "):
        return True
    dependant: Dependant | None = getattr(route, "dependant", None)
    return dependant is not None and _KEEPERS[least] in _calls(dependant)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
