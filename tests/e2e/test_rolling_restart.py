"""Every service is replaced by another replica of itself and comes back, while the shop is used: nobody notices."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psutil
import pytest

from local.ports import APPLICATIONS
from local.settings import ROOT
from tests.e2e.shop import Shop
from tests.e2e.test_recovery import until_it_works, victim, works
from tests.mesh.rig import eventually, free_port

# Where each process listens: the setting, and the service of the registry that is found there.
DOORS: Mapping[str, Mapping[str, str]] = {
    "product": {"AISLE_PRODUCT_LISTEN_PORT": "product"},
    "llm": {"AISLE_LLM_LISTEN_PORT": "llm", "AISLE_LLM_HTTP_PORT": "llm-http"},
    "chat": {"AISLE_CHAT_LISTEN_PORT": "chat"},
    "recommendation": {"AISLE_RECOMMENDATION_LISTEN_PORT": "recommendation"},
    "analytics": {"AISLE_ANALYTICS_LISTEN_PORT": "analytics"},
    "limits": {"AISLE_LIMITS_PROXY_PORT": "limits"},
    "bff": {"AISLE_BFF_LISTEN_PORT": "bff"},
}
# Ports that a second replica needs for itself as well, though nothing of the mesh calls it there.
OTHERS: Mapping[str, tuple[str, ...]] = {"limits": ("AISLE_LIMITS_LISTEN_PORT",)}
FLAWS = ("failed_active_health_check", "failed_outlier_check")
CALLERS = 3
PATIENCE = 60.0


@dataclass
class Use:
    """People who use every part of the shop all the time."""

    shop: Shop
    rounds: int = 0
    problems: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def going_on(self) -> Iterator["Use"]:
        stop = threading.Event()

        def use() -> None:
            while not stop.is_set():
                problem = works(self.shop)
                self.rounds += 1
                # A step that was left out on a busy machine is told to whoever asked, and is no failure.
                if problem and ": degraded [" not in problem:
                    self.problems.append(problem)

        threads = [threading.Thread(target=use) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            self.some()
            yield self
            self.some()
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def some(self) -> None:
        """Wait until everything was used some times more."""
        before = self.rounds
        eventually(lambda: self.rounds >= before + 2 * CALLERS, PATIENCE)


class Registry:
    """The file that says where replicas are."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._file = shop, shop.home / "run" / "registry.yaml"
        self._plain = self._file.read_text()

    def say(self, ports: Mapping[str, list[int]]) -> None:
        """Name the replicas of some services, and wait until Envoy calls exactly these."""
        changed = json.loads(self._plain)
        for service, numbers in ports.items():
            changed["services"][service]["endpoints"] = [{"address": "127.0.0.1", "port": port} for port in numbers]
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(changed))
        fresh.replace(self._file)
        eventually(lambda: all(self._known(service) == sorted(numbers) for service, numbers in ports.items()), PATIENCE)

    def restore(self) -> None:
        self._file.write_text(self._plain)

    def _known(self, service: str) -> list[int]:
        """Return the ports of the replicas that Envoy calls for a service."""
        admin = f"http://127.0.0.1:{self._shop.ports['envoy-admin']}/clusters?format=json"
        clusters = httpx2.get(admin, trust_env=False, timeout=10).json()["cluster_statuses"]
        hosts = next(one for one in clusters if one["name"] == service).get("host_statuses", [])
        return sorted(
            int(host["address"]["socket_address"]["port_value"])
            for host in hosts
            if not any(host["health_status"].get(flaw) for flaw in FLAWS)
        )


def second(first: psutil.Process, doors: Mapping[str, int]) -> "subprocess.Popen[bytes]":
    """Start another replica of a process, with doors of its own."""
    env = {**first.environ(), **{setting: str(port) for setting, port in doors.items()}}
    return subprocess.Popen(
        first.cmdline(), cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.fixture(scope="module")
def registry(shop: Shop) -> Iterator[Registry]:
    assert until_it_works(shop, time.monotonic()) == ""
    found = Registry(shop)
    yield found
    found.restore()


@pytest.mark.parametrize("name", DOORS)
def test_a_service_is_replaced_and_comes_back_and_no_request_fails(shop: Shop, registry: Registry, name: str) -> None:
    first = victim(shop, name)
    own = {service: shop.ports[APPLICATIONS.get(service, service)] for service in DOORS[name].values()}
    doors: dict[str, Any] = {setting: free_port() for setting in (*DOORS[name], *OTHERS.get(name, ()))}
    other = {service: doors[setting] for setting, service in DOORS[name].items()}
    with Use(shop).going_on() as use:
        replica = second(first, doors)
        try:
            registry.say({service: [own[service], port] for service, port in other.items()})
            registry.say({service: [port] for service, port in other.items()})
            first.terminate()
            first.wait(PATIENCE)
            use.some()
            registry.say({service: [port, other[service]] for service, port in own.items()})
            registry.say({service: [port] for service, port in own.items()})
            replica.terminate()
            assert replica.wait(PATIENCE) == 0
        finally:
            replica.kill()
            replica.wait()
    assert use.problems == []
    assert use.rounds > 4 * CALLERS


def test_the_control_plane_is_restarted_and_no_request_fails(shop: Shop, registry: Registry) -> None:
    first = victim(shop, "control-plane")
    with Use(shop).going_on() as use:
        first.terminate()
        first.wait(PATIENCE)
        use.some()
        eventually(lambda: victim(shop, "control-plane").pid != first.pid, PATIENCE)
    assert use.problems == []
