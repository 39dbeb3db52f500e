"""A mesh with a proxy beside each workload, certificates of our own authority, and mutual TLS between the proxies."""

import json
import os
import signal
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from local import envoy
from local.authority import Authority, replace
from tests.mesh.rig import ROOT, GrpcBackend, HttpBackend, eventually, free_port

TRUST_DOMAIN, NAMESPACE = "mesh.test", "shop"
WORKLOADS = ("edge", "control-plane", "bff", "chat", "llm", "analytics")
# Of these the tests call others.
_CALLING = ("bff", "chat", "llm")


def identity(workload: str, domain: str = TRUST_DOMAIN) -> str:
    return f"spiffe://{domain}/ns/{NAMESPACE}/sa/{workload}"


def now() -> datetime:
    return datetime.now(UTC)


class Sidecars:
    """The proxies, the control plane behind its own, and the backends behind theirs."""

    def __init__(self, home: Path, analytics_port: int = 0) -> None:
        """Start all of it in a folder; analytics may be somebody else's, who listens on a port."""
        self.home = home
        self.authority = Authority.new(now())
        self.backends = {name: GrpcBackend(name) for name in ("llm", "analytics")}
        self._analytics_port = analytics_port or self.backends["analytics"].port
        self.shop = HttpBackend(free_port())
        self.control_plane_port = free_port()
        self.ports = {
            f"{kind} {name}": free_port()
            for name in WORKLOADS
            for kind in ("admin", "inbound", "egress", "probe", "edge")
        }
        self.control_plane_log = home / "control_plane.log"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in WORKLOADS:
            self.certify(name)
        self.write_registry(self.registry())
        self.start_control_plane()
        for name in WORKLOADS:
            self.start_proxy(name)

    def registry(self) -> dict[str, Any]:
        applications = {
            "llm": ("grpc", "llm", self.backends["llm"].port),
            "analytics": ("grpc", "analytics", self._analytics_port),
            "mesh": ("grpc", "control-plane", self.control_plane_port),
            "bff": ("http", "bff", self.shop.port),
        }
        return {
            "edge": self._at("edge edge"),
            "egress": self._at("egress edge"),
            "trust": {
                "domain": TRUST_DOMAIN,
                "namespace": NAMESPACE,
                "certificates": str(self.home / "certificates" / "{workload}"),
                # So that tests see what a new connection shows.
                "connection_seconds": 1 if self._analytics_port == self.backends["analytics"].port else 3600,
            },
            "control_plane": "mesh",
            "workloads": {
                name: {
                    "probe": self._at(f"probe {name}"),
                    **({"egress": self._at(f"egress {name}")} if name in _CALLING else {}),
                }
                for name in WORKLOADS
            },
            "services": {
                service: {
                    "protocol": protocol,
                    "workload": workload,
                    "inbound": self._at(f"inbound {workload}"),
                    "application": {"address": "127.0.0.1", "port": port},
                    "endpoints": [self._at(f"inbound {workload}")],
                }
                for service, (protocol, workload, port) in applications.items()
            },
            "edge_routes": [
                {"prefix": "/api/v1/chat/ws", "service": "bff", "upgrade": "websocket", "timeout": 0},
                {"prefix": "/", "service": "bff"},
            ],
        }

    def _at(self, port: str) -> dict[str, Any]:
        return {"address": "127.0.0.1", "port": self.ports[port]}

    def write_registry(self, registry: dict[str, Any]) -> None:
        fresh = self.home / "registry.new"
        fresh.write_text(json.dumps(registry))
        fresh.replace(self.home / "registry.yaml")

    def certificates(self, workload: str) -> Path:
        return self.home / "certificates" / workload

    def certify(
        self,
        workload: str,
        *,
        named: str | None = None,
        by: Authority | None = None,
        lifetime: timedelta = timedelta(hours=1),
        believed: bytes = b"",
    ) -> None:
        """Give a workload's proxy a certificate, by default the one it should have."""
        signer = by or self.authority
        certificate, key = signer.issue(named or identity(workload), now(), lifetime)
        replace(self.certificates(workload), certificate, key, believed or self.authority.pem)

    def client(self, workload: str, by: Authority | None = None) -> ssl.SSLContext:
        """Return a TLS context that shows a certificate of a workload to whoever it connects to."""
        folder = self.home / f"client-{workload}-{len(list(self.home.iterdir()))}"
        certificate, key = (by or self.authority).issue(identity(workload), now())
        replace(folder, certificate, key, self.authority.pem)
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        context.check_hostname = False  # SPIFFE ids are no host names
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        context.set_alpn_protocols(["h2"])
        return context

    def start_control_plane(self) -> None:
        settings = {
            "AISLE_CONTROL_PLANE_LISTEN_PORT": str(self.control_plane_port),
            "AISLE_CONTROL_PLANE_REGISTRY": str(self.home / "registry.yaml"),
            "AISLE_CONTROL_PLANE_POLL_SECONDS": "0.1",
            "AISLE_CONTROL_PLANE_GRACE_SECONDS": "0",
        }
        self._start("control_plane", [sys.executable, "-m", "services.control_plane"], settings)

    def start_proxy(self, workload: str, *, claims: str | None = None, node: str | None = None) -> None:
        """Start the proxy of a workload; one that `claims` to be another's asks for what that one gets."""
        folder = self.home / (node or workload)
        folder.mkdir(exist_ok=True)
        known_by = envoy.Identity(str(folder), str(self.certificates(workload)), identity("control-plane"))
        beside = workload == "control-plane"
        for name, content in envoy.secret_files(known_by).items():
            (folder / name).write_text(json.dumps(content))
        port = self.control_plane_port if beside else self.ports["inbound control-plane"]
        bootstrap = envoy.bootstrap(
            node or f"{workload}-0",
            free_port() if node else self.ports[f"admin {workload}"],
            f"127.0.0.1:{port}",
            delta=True,
            workload=claims or workload,
            identity=None if beside else known_by,
        )
        (folder / "envoy.json").write_text(json.dumps(bootstrap))
        binary = envoy.envoy_binary(Path(os.environ.get("AISLE_SERVERS_VENV", ROOT / ".venv-servers")))
        self._start(node or workload, envoy.command(binary, folder / "envoy.json"), {})

    def _start(self, name: str, command: list[str], settings: dict[str, str]) -> None:
        with (self.home / f"{name}.log").open("ab") as sink:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **settings}, stdout=sink, stderr=sink
            )

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def admin(self, workload: str, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.ports[f'admin {workload}']}{path}", trust_env=False)

    def stat(self, workload: str, name: str) -> int:
        for line in self.admin(workload, f"/stats?filter=^{name}$").text.splitlines():
            return int(line.rpartition(":")[2])
        return 0

    def address(self, kind: str, workload: str) -> str:
        return f"127.0.0.1:{self.ports[f'{kind} {workload}']}"

    def wait_until_ready(self) -> None:
        eventually(lambda: all(self.probe(name, "/ready").status_code == 200 for name in WORKLOADS), within=60)

    def probe(self, workload: str, path: str) -> httpx2.Response:
        return httpx2.get(f"http://{self.address('probe', workload)}{path}", trust_env=False)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
        for backend in self.backends.values():
            backend.stop()
        self.shop.stop()
