"""For whom a request is made, where proxies of ours stand before the edge."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.mesh.rig import HttpBackend, Mesh, eventually, free_port, registry

pytestmark = pytest.mark.servers

# What a load balancer behind a content delivery network sends on: the client's own words, whom the network was asked
# by, and the network's address. The load balancer itself is who connects.
CLAIMED, CLIENT, NETWORK = "6.6.6.6", "203.0.113.7", "130.176.1.1"


@pytest.fixture(scope="module")
def shop() -> Iterator[HttpBackend]:
    running = HttpBackend(free_port())
    yield running
    running.stop()


@pytest.fixture(params=[0, 2])
def hops(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def mesh(shop: HttpBackend, hops: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    stated = registry({}, shop.port)
    stated["edge"] = {**stated["edge"], "trusted_hops": hops}
    stated["edge_routes"] = [{"prefix": "/", "service": "bff"}]
    running = Mesh(tmp_path_factory.mktemp("forwarded"), stated)
    try:
        running.wait_until_ready()
        eventually(lambda: httpx2.get(f"http://{running.edge}/", trust_env=False).status_code == 200, within=15)
        yield running
    finally:
        running.stop()


def test_the_client_is_whom_our_outermost_proxy_was_asked_by(mesh: Mesh, hops: int) -> None:
    chain = ", ".join((CLAIMED, CLIENT, NETWORK))
    answer = httpx2.get(f"http://{mesh.edge}/", headers={"x-forwarded-for": chain}, trust_env=False)
    seen = answer.json()["headers"]
    expected = CLIENT if hops == 2 else "127.0.0.1"
    assert seen.get("x-envoy-external-address") == expected
