"""A small OpenID Connect provider: discovery, authorization code with PKCE, keys that change.

It is honest unless it is told not to be.
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET, AUDIENCE = "shop", "client-secret", "shop-api"


class Key:
    """A key pair with a name."""

    def __init__(self, name: str, kind: str = "ES256") -> None:
        self.name, self.algorithm = name, kind
        self.private: Any = (
            ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else rsa.generate_private_key(65537, 2048)
        )

    def published(self) -> dict[str, Any]:
        kind: Any = jwt.get_algorithm_by_name(self.algorithm)
        return {**kind.to_jwk(self.private.public_key(), as_dict=True), "kid": self.name, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        return jwt.encode(dict(claims), self.private, algorithm=self.algorithm, headers={"kid": self.name, **header})


class Provider:
    """One person signs in here without being asked."""

    def __init__(self, port: int, redirect: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.redirect = redirect
        self.keys = [Key("first")]
        self.person: dict[str, Any] = {
            "sub": "u-17", "email": "ada@company.example", "email_verified": True, "name": "Ada", "roles": ["reader"]
        }  # fmt: skip
        self.away = False
        self.asked_for_keys = 0
        self.document: dict[str, Any] = {}
        # What a test wants otherwise in the next id token, or the whole token.
        self.otherwise: dict[str, Any] = {}
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self._codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._jwks),
        ]
        self.app = Starlette(routes=routes)

    def claims(self, audience: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": audience, "iat": now, "exp": now + 300, **self.person, **more}

    def access_token(self, **more: Any) -> str:
        return self.keys[-1].sign({**self.claims(AUDIENCE), **more})

    async def _discovery(self, request: Request) -> Response:
        if self.away:
            return Response(status_code=503)
        return JSONResponse({
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        })  # fmt: skip

    async def _jwks(self, request: Request) -> Response:
        self.asked_for_keys += 1
        return Response(status_code=503) if self.away else JSONResponse({"keys": [k.published() for k in self.keys]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        fits = asked["client_id"] == CLIENT and asked["redirect_uri"] == self.redirect
        if not fits or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return Response(status_code=400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return RedirectResponse(f"{self.redirect}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        given = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        # A code is good once.
        asked = self._codes.pop(given.get("code", ""), None)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or given.get("grant_type") != "authorization_code"
            or (given.get("client_id"), given.get("client_secret")) != (CLIENT, SECRET)
            or given.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {**self.claims(CLIENT, nonce=asked["nonce"]), **self.otherwise}
        claims = {name: value for name, value in claims.items() if value is not None}
        token = self.forge(claims) if self.forge else self.keys[-1].sign(claims)
        return JSONResponse({"access_token": self.access_token(), "token_type": "Bearer", "id_token": token})


@asynccontextmanager
async def provided(port: int, redirect: str) -> AsyncIterator[Provider]:
    """Serve a provider while the block runs."""
    provider = Provider(port, redirect)
    server = uvicorn.Server(uvicorn.Config(provider.app, port=port, log_config=None, lifespan="off"))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield provider
        finally:
            server.should_exit = True
