"""Requests of every shape the OpenAPI allows or forbids, from everybody: no 5xx, and answers as they are documented."""

import json
import os
import random
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bff.app import create_api, document
from tests.security.rpc_examples import stocked
from tests.security.world import World

# `make test-long` asks for more.
CASES = int(os.environ.get("AISLE_FUZZ_CASES", "1500"))
SEED = int(os.environ.get("AISLE_FUZZ_SEED", "4"))
ROLES = ("anonymous", "visitor", "shopper", "admin", "forged")
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
GROWTH = 150 << 20

schema = schemathesis.openapi.from_dict(document(create_api()))
OPERATIONS: dict[str, Any] = {
    found.ok().label: found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)
}
EACH = max(1, CASES // (len(OPERATIONS) * len(ROLES) * len(MODES)))


@pytest.fixture(scope="module", autouse=True)
def things(world: World) -> None:
    stocked(world)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_no_request_makes_a_route_fail(world: World, label: str) -> None:
    operation, start, before = OPERATIONS[label], world.mark(), world.memory
    session = requests.Session()
    session.trust_env = False
    for role in ROLES:
        headers = {"Authorization": "Bearer forged.to.ken"} if role == "forged" else world.headers(role)
        for mode in MODES:
            _asked(world, label, operation.as_strategy(mode), session, headers)
    assert world.alive()
    assert not world.unexpected(start)
    assert world.memory - before < GROWTH


def _asked(world: World, label: str, strategy: Any, session: requests.Session, headers: dict[str, str]) -> None:
    # There is no Envoy beside this platform, and the page about the mesh says so: 503.
    wanted = [check for check in CHECKS if check is not not_a_server_error or not label.endswith("/mesh")]

    @seed(SEED)
    @settings(
        max_examples=EACH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        # Whoever may ask is said here; what the generator makes up in its place is tried as "forged".
        own = {key: value for key, value in (case.headers or {}).items() if key.lower() not in ("authorization",)}
        case.headers = {**own, **headers}
        case.call_and_validate(base_url=world.url, session=session, checks=wanted, timeout=20)

    # An operation that takes nothing cannot be asked wrongly.
    with suppress(Unsatisfiable):
        ask()


FRAMES: list[Any] = [
    {"type": "ping"},
    {"type": "stop"},
    {"type": "send", "text": "Hello", "request_id": "00000000-0000-4000-8000-000000000001"},
    {"type": "send", "text": "\x00", "request_id": "00000000-0000-4000-8000-000000000002"},
    {"type": "send", "text": "x" * 5000, "request_id": "00000000-0000-4000-8000-000000000003"},
    {"type": "send", "text": "?", "product_id": "../x", "request_id": "00000000-0000-4000-8000-000000000004"},
    {"type": "resume", "text": "?", "request_id": "00000000-0000-4000-8000-000000000005"},
    {"type": "send", "text": ["x"], "request_id": 5},
    {"type": "admin"},
    [],
    None,
    5,
    "ping",
    {"type": "send" * 1000},
]


def test_no_frame_makes_the_socket_fail(world: World) -> None:
    chooser, start = random.Random(SEED), world.mark()
    url = f"{world.url.replace('http', 'ws')}/api/v1/chat/ws?visitor={world.headers('visitor')['X-Visitor-Id']}"
    for _ in range(max(30, CASES // 40)):
        with connect(url) as socket:
            try:
                for _ in range(chooser.randrange(1, 6)):
                    socket.send(_frame(chooser))
                socket.recv(5)
            except ConnectionClosed as closed:
                assert closed.rcvd is None or closed.rcvd.code != 1011, closed
    assert world.alive()
    assert not world.unexpected(start)


def _frame(chooser: random.Random) -> str | bytes:
    choice = chooser.random()
    if choice < 0.7:
        return json.dumps(chooser.choice(FRAMES))
    if choice < 0.8:
        return "[" * 20_000
    if choice < 0.9:
        return chooser.randbytes(chooser.choice((0, 1, 200)))
    return "".join(chr(chooser.randrange(32, 0xD000)) for _ in range(chooser.choice((1, 50))))
