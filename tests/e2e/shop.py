"""A running platform for tests: started as a user starts it, in a folder and on ports of its own."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil

from local.reservation import reserved
from local.settings import ROOT, LocalSettings

OFFSET = 3000
PATIENCE = 420.0
_REQUESTS = re.compile(r"cluster\.(\w+)\.grpc\.aisle\.\w+\.v1\.\w+\.(\w+)\.request_message_count$")
LOGINS = {
    "shopper": ("maya@lanternandloom.example", "lantern-and-loom"),
    "admin": ("admin@lanternandloom.example", "lantern-and-loom"),
}


@dataclass(slots=True)
class Shop:
    """A platform that runs."""

    home: Path
    process: "subprocess.Popen[bytes]"
    output: Path
    env: Mapping[str, str]
    offset: int = OFFSET

    @property
    def ports(self) -> dict[str, int]:
        return LocalSettings(home=self.home, port_offset=self.offset).ports()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports['edge']}"

    @property
    def egress(self) -> str:
        return f"127.0.0.1:{self.ports['egress']}"

    @property
    def api_key(self) -> str:
        return str(json.loads((self.home / "secrets.json").read_text())["api_key"])

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False, **options)

    def signed_in(self, who: str) -> httpx2.Client:
        email, password = LOGINS[who]
        with self.client() as anonymous:
            reply = anonymous.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert reply.status_code == 200, reply.text
        return self.client(headers={"Authorization": f"Bearer {reply.json()['access_token']}"})

    def processes(self) -> list[psutil.Process]:
        """Return every process of the platform, the supervisor included."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def aisle(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=dict(self.env), capture_output=True, text=True, timeout=600)

    def grpc_counts(self) -> dict[str, int]:
        """Return Envoy's own count of calls of every gRPC method: `product.SearchProducts` and so on.

        Requests are counted, not ends: a stream whose reader leaves has no end that Envoy would count.
        """
        admin = f"http://127.0.0.1:{self.ports['envoy-admin']}/stats?format=json&filter=grpc.*request_message_count"
        stats = httpx2.get(admin, trust_env=False, timeout=10).json()["stats"]
        counts: dict[str, int] = {}
        for stat in stats:
            found = _REQUESTS.search(stat.get("name", ""))
            if found:
                counts[f"{found[1]}.{found[2]}"] = int(stat["value"])
        return counts


@contextmanager
def offset_of_our_own(*candidates: int) -> Iterator[int]:
    """Hold the ports of an offset where nobody sits on any: some are ones that outgoing connections are given."""
    for offset in candidates:
        with ExitStack() as held:
            try:
                held.enter_context(reserved(LocalSettings(port_offset=offset, sidecars=True).ports().values()))
            except OSError:
                continue
            yield offset
            return
    raise RuntimeError("on every offset somebody sits")


def visitor() -> dict[str, str]:
    """Return the header of a visitor nobody has seen before."""
    return {"X-Visitor-Id": str(uuid4())}


def environment(home: Path, offset: int = OFFSET, **more: str) -> dict[str, str]:
    """Return the environment a platform is started with."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AISLE_")}
    return {**kept, "AISLE_HOME": str(home), "AISLE_PORT_OFFSET": str(offset), **more}


def start(home: Path, *, demo: bool = True, offset: int = OFFSET, sidecars: bool = False) -> Shop:
    """Start a platform and wait until it is open."""
    home.mkdir(parents=True, exist_ok=True)
    output = home / "up.txt"
    env = environment(home, offset, AISLE_DEMO=str(demo).lower(), AISLE_SIDECARS=str(sidecars).lower())
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"], cwd=ROOT, env=env, stdout=sink, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + PATIENCE
    while not (home / "run" / "ready").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"the platform did not open:\n{output.read_text()[-4000:]}")
        time.sleep(0.2)
    return Shop(home, process, output, env, offset)


def stop(shop: Shop) -> float:
    """Stop a platform as Ctrl-C does, and return the seconds it took."""
    started = time.monotonic()
    shop.process.send_signal(2)
    shop.process.wait(60)
    return time.monotonic() - started
