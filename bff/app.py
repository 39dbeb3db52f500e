"""Puts the BFF together: features, error handlers, the front end, and the edge around all of them."""

from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from bff import access, errors, media, readiness
from bff.auth import external_routes
from bff.auth import routes as auth
from bff.auth.accounts import Accounts
from bff.auth.browser import Browsers
from bff.auth.external import Client, ExternalSignIn
from bff.auth.issuer import Issuer
from bff.auth.sign_in import SignIn
from bff.auth.signing_keys import SigningKeys
from bff.auth.throttle import Attempts
from bff.auth.tokens import AccessTokens
from bff.catalog import routes as catalog
from bff.chat import routes as chat
from bff.edge import Edge
from bff.gateway import routes as gateway
from bff.insights import routes as insights
from bff.mesh import routes as mesh
from bff.observability import routes as observability
from bff.presentation import Shopfront
from bff.recommendations import routes as recommendations
from bff.settings import BffSettings
from bff.static import FrontEnd
from bff.upstreams import Upstreams
from services.runtime.errors import AisleError


class Application:
    """The BFF as one ASGI application, with what its process needs to reach."""

    def __init__(self, settings: BffSettings, upstreams: Upstreams, accounts: Accounts, attempts: Attempts) -> None:
        """Take what the process has connected."""
        tokens = AccessTokens(SigningKeys(settings.signing_keys), timedelta(minutes=settings.access_token_minutes))
        lifetime = timedelta(days=settings.refresh_token_days)
        self.sign_in = SignIn(accounts, attempts, tokens, lifetime, settings.token_key.get_secret_value())
        self.readiness = readiness.Readiness(upstreams.channels)
        api = create_api()
        api.state.settings = settings
        api.state.upstreams = upstreams
        api.state.shopfront = Shopfront(upstreams.product)
        api.state.tokens = tokens
        api.state.sign_in = self.sign_in
        api.state.external = _external(settings)
        api.state.browsers = Browsers(settings.public_origins.split(), int(lifetime.total_seconds()))
        api.state.readiness = self.readiness
        api.router.default = FrontEnd(settings.static_dir)
        self.asgi = Edge(api, settings)


def _external(settings: BffSettings) -> ExternalSignIn | None:
    """Return the way to sign in with another issuer, if one is configured."""
    if not settings.oidc_issuer:
        return None
    client = Client(
        id=settings.oidc_client_id,
        secret=settings.oidc_client_secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        redirects={origin: f"{origin}{external_routes.CALLBACK}" for origin in settings.public_origins.split()},
        audience=settings.oidc_audience,
        role_claim=settings.oidc_role_claim,
        admin_role=settings.oidc_admin_role,
        trusts_emails=settings.oidc_trust_emails,
    )
    issuer = Issuer(settings.oidc_issuer, settings.oidc_jwks_url)
    return ExternalSignIn(issuer, client, settings.token_key.get_secret_value())


def create_api() -> FastAPI:
    """Return the REST application with all routes, not yet connected to anything."""
    app = FastAPI(
        title="Aisle",
        version="1.0.0",
        description="The shop's own API. Errors are problem details (RFC 9457).",
        openapi_url="/api/openapi.json",
        docs_url=None,
        # Its own would count each request twice, and tell what follows the question mark of its address.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        responses=errors.documented(400, 422, 500, 503, 504),
    )
    app.router.redirect_slashes = False
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    for router in (auth.router, auth.keys, catalog.router, chat.router, chat.sockets, recommendations.router):
        app.include_router(router)
    for router in (external_routes.router, external_routes.keys):
        app.include_router(router)
    for router in (insights.router, insights.reports, gateway.router, mesh.router, observability.router):
        app.include_router(router)
    for router in (media.router, readiness.router):
        app.include_router(router)
    access.check(app)
    app.add_exception_handler(AisleError, errors.on_domain_error)
    app.add_exception_handler(RequestValidationError, errors.on_validation_error)
    app.add_exception_handler(HTTPException, errors.on_http_error)
    app.add_exception_handler(Exception, errors.on_unexpected)
    # FastAPI documents itself through this method; the problem's schema is named by responses only.
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document with the schema of problems."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schema = TypeAdapter(errors.Problem).json_schema(
            ref_template="#/components/schemas/{model}", mode="serialization"
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                _document_refusals(f"{method.upper()} {path}", operation)
        app.openapi_schema = found
    return app.openapi_schema


def _document_refusals(key: str, operation: dict[str, Any]) -> None:
    """Add what is refused before a route is asked: tokens that are not good, and bodies too large or in no JSON."""
    refused = [401] if access.ACCESS[key] is not access.Least.NOTHING else []
    refused += [413, 415] if "requestBody" in operation else []
    for status, answer in errors.documented(*refused).items():
        operation["responses"].setdefault(str(status), answer)


def _operation_id(route: APIRoute) -> str:
    return route.name
