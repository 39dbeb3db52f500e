"""A route nobody decided about is no route: the application does not start with it."""

import pytest
from fastapi import Depends, FastAPI

from bff import access
from bff.access import ACCESS, AccessNotDeclared, Least
from bff.app import create_api
from bff.auth.identity import admin, anyone


def test_every_route_stands_in_the_table_and_the_table_has_no_others() -> None:
    assert {key for key, _ in access.routes(create_api())} == set(ACCESS)


def test_a_route_that_is_not_declared_keeps_the_application_from_starting() -> None:
    app = create_api()
    app.add_api_route("/api/v1/secrets", lambda: "", methods=["GET"], dependencies=[Depends(admin)])
    with pytest.raises(AccessNotDeclared, match="GET /api/v1/secrets is not in"):
        access.check(app)


def test_a_socket_that_is_not_declared_keeps_the_application_from_starting() -> None:
    app = create_api()
    app.add_api_websocket_route("/api/v1/other/ws", lambda socket: None)
    with pytest.raises(AccessNotDeclared, match="WS /api/v1/other/ws is not in"):
        access.check(app)


def test_a_mounted_application_is_a_route_nobody_decided_about() -> None:
    app = create_api()
    app.mount("/debug", FastAPI())
    with pytest.raises(AccessNotDeclared, match="is not in"):
        access.check(app)


@pytest.mark.parametrize("dependencies", [[], [Depends(anyone)]])
def test_a_route_that_keeps_nobody_out_is_found(dependencies: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_api()
    app.add_api_route("/api/v1/secrets", lambda: "", methods=["GET"], dependencies=dependencies)  # type: ignore[arg-type]
    monkeypatch.setattr(access, "ACCESS", {**ACCESS, "GET /api/v1/secrets": Least.ADMIN})
    with pytest.raises(AccessNotDeclared, match="promised to admin, and nothing there keeps others out"):
        access.check(app)
