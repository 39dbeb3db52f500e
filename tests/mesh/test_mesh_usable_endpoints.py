"""What is let through to proxies is what a real Envoy takes, and what it would refuse is left out before."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.control_plane.snapshot import build
from services.control_plane.sources.usable_endpoints import usable
from services.control_plane.topology import Endpoint, Topology
from tests.mesh.pushing import Rig, rig

pytestmark = pytest.mark.servers

ODD = (
    Endpoint("0.0.0.0", 1),
    Endpoint("::", 1),
    Endpoint("0.1.2.3", 1),
    Endpoint("255.255.255.255", 1),
    Endpoint("224.0.0.1", 1),
    Endpoint("ff02::1", 1),
    Endpoint("169.254.169.254", 1),
    Endpoint("fe80::1", 1),
    Endpoint("fe80::1%eth0", 1),
    Endpoint("2001:db8::1%lo", 1),
    Endpoint("::ffff:10.0.0.1", 1),
    Endpoint("localhost", 1),
    Endpoint("", 1),
    Endpoint("10.0.0.1", 0),
    Endpoint("10.0.0.1", 65536),
    Endpoint("10.0.0.1", 65535),
    Endpoint("fd00::1", 1),
    Endpoint("10.0.0.1", 1, zone="EU_1.a-b"),
    Endpoint("240.0.0.1", 1),
)


def told(world: Topology, *places: Endpoint) -> Topology:
    """Return a world in which analytics has replicas at these places too."""
    services = [
        replace(one, endpoints=(*one.endpoints, *places)) if one.name == "analytics" else one for one in world.services
    ]
    return replace(world, services=tuple(services))


def refusals(made: Rig) -> list[str]:
    return [state.reason for proxy in made.proxies() for state in proxy.types.values() if state.refused]


async def test_envoy_takes_what_is_let_through(tmp_path: Path) -> None:
    async with rig(tmp_path, delta=False, seed=1) as made:
        world = made.worlds.topology()
        await made.publish(build(world))
        await made.until(made.in_sync)
        refused = []
        for place in ODD:
            await made.publish(build(told(world, place)))
            await made.until(lambda: made.in_sync() or bool(refusals(made)))
            refused += [place] if refusals(made) else []
            await made.publish(build(world))
            await made.until(made.in_sync)
        left_out = [place for place in ODD if usable(told(world, place))[1]]
        # Some that Envoy would take are left out as well: calls to them go astray, or to Envoy itself.
        assert set(refused) <= set(left_out)
        assert [place.host for place in refused] == ["2001:db8::1%lo", "localhost", "", "10.0.0.1"]
