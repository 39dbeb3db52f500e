"""A small mesh of real parts: Envoy, our control plane as a process, and backends that do as a test tells them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import httpx2
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from aisle.analytics.v1 import analytics_service_pb2 as analytics
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    add_AnalyticsServiceServicer_to_server,
)
from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer, add_LlmServiceServicer_to_server
from local import envoy

ROOT = Path(__file__).parents[2]
ANALYTICS = "aisle.analytics.v1.AnalyticsService"


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], Any], within: float = 5.0) -> Any:
    """Return the condition's first true value; fail when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        with suppress(httpx2.HTTPError, grpc.RpcError, OSError):
            found = condition()
            if found:
                return found
        assert time.monotonic() < deadline, f"not within {within} s: {condition}"
        time.sleep(0.05)


class GrpcBackend(AnalyticsServiceServicer, LlmServiceServicer):
    """Answers as analytics and as llm; `script` may fail or delay a call by its method's name."""

    def __init__(self, name: str, port: int = 0, host: str = "127.0.0.1") -> None:
        self.name = name
        self.host = host
        self.calls: Counter[str] = Counter()
        self.remaining: list[float | None] = []
        self.metadata: dict[str, Any] = {}
        self.script: dict[str, Callable[[int, grpc.ServicerContext], None]] = {}
        self.port = port or free_port()
        self.start()

    def start(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(16), options=(("grpc.so_reuseport", 0),))
        add_AnalyticsServiceServicer_to_server(self, self._server)
        add_LlmServiceServicer_to_server(self, self._server)
        state = health.HealthServicer()
        state.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(state, self._server)
        reflection.enable_server_reflection((ANALYTICS, reflection.SERVICE_NAME), self._server)
        self._server.add_insecure_port(f"{self.host}:{self.port}")
        self._server.start()

    def stop(self, grace: float | None = None) -> None:
        self._server.stop(grace).wait()

    def _act(self, method: str, context: grpc.ServicerContext) -> None:
        self.calls[method] += 1
        self.remaining.append(context.time_remaining())
        self.metadata = dict(context.invocation_metadata())
        if method in self.script:
            self.script[method](self.calls[method], context)

    def QueryReport(self, request: Any, context: Any) -> Any:
        self._act("QueryReport", context)
        return analytics.QueryReportResponse(columns=[self.name])

    def ListModels(self, request: Any, context: Any) -> Any:
        self._act("ListModels", context)
        return llm.ListModelsResponse()

    def GenerateText(self, request: Any, context: Any) -> Iterator[Any]:
        self._act("GenerateText", context)
        for word in ("one ", "two ", "three"):
            yield llm.GenerateTextResponse(text_delta=word)


class HttpBackend:
    """An echo over HTTP and WebSocket, served as the BFF is."""

    def __init__(self, port: int) -> None:
        self.port = port
        config = uvicorn.Config(
            self._app, lifespan="off", host="127.0.0.1", port=port, interface="asgi3", log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._talk(receive, send)
            return
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        body = json.dumps({"path": scope["path"], "headers": headers, "size": size}).encode()
        status = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": status})
        await send({"type": "http.response.body", "body": body})

    async def _talk(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"echo {len(message['text'])}"})


def start_envoy(
    home: Path, admin_port: int, control_plane_port: int, *, delta: bool = False, node: str = "mesh-test"
) -> subprocess.Popen[bytes]:
    """Start Envoy with a bootstrap that names the control plane; what it says goes to `envoy.log`."""
    binary = envoy.envoy_binary(Path(os.environ.get("AISLE_SERVERS_VENV", ROOT / ".venv-servers")))
    path = home / "envoy.json"
    bootstrap = envoy.bootstrap(node, admin_port, f"127.0.0.1:{control_plane_port}", delta=delta)
    path.write_text(json.dumps(bootstrap))
    with (home / "envoy.log").open("ab") as sink:
        return subprocess.Popen(envoy.command(binary, path), stdout=sink, stderr=sink)


class Mesh:
    """Envoy, the control plane and its registry, on ports of their own."""

    # What the control plane is told beside that.
    more_settings: Mapping[str, str] = {}

    def __init__(self, home: Path, registry: dict[str, Any]) -> None:
        self._home = home
        self.admin_port = free_port()
        self.control_plane_port = free_port()
        self.edge = f"127.0.0.1:{registry['edge']['port']}"
        self.egress = f"127.0.0.1:{registry['egress']['port']}"
        self.registry_file = home / "registry.yaml"
        self.delivery_file = home / "delivery.yaml"
        self.control_plane_log = home / "control_plane.log"
        self.envoy_log = home / "envoy.log"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.write_registry(registry)
        self.start_control_plane()
        self._processes["envoy"] = self.start_proxy()

    def start_proxy(self) -> subprocess.Popen[bytes]:
        return start_envoy(self._home, self.admin_port, self.control_plane_port)

    def write_registry(self, registry: dict[str, Any] | str) -> None:
        """Replace the registry as `aisle up` does: all of it or nothing."""
        text = registry if isinstance(registry, str) else json.dumps(registry)
        fresh = self._home / "registry.new"
        fresh.write_text(text)
        fresh.replace(self.registry_file)

    def write_delivery(self, services: dict[str, Any]) -> None:
        """Replace the delivery file, all of it or nothing."""
        fresh = self._home / "delivery.new"
        fresh.write_text(json.dumps({"services": services}))
        fresh.replace(self.delivery_file)

    def start_control_plane(self) -> None:
        settings = {
            "AISLE_CONTROL_PLANE_LISTEN_PORT": str(self.control_plane_port),
            "AISLE_CONTROL_PLANE_REGISTRY": str(self.registry_file),
            "AISLE_CONTROL_PLANE_DELIVERY": str(self.delivery_file),
            "AISLE_CONTROL_PLANE_POLL_SECONDS": "0.1",
            "AISLE_CONTROL_PLANE_GRACE_SECONDS": "0",
        }
        command = [sys.executable, "-m", "services.control_plane"]
        with self.control_plane_log.open("ab") as sink:
            self._processes["control_plane"] = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **settings, **self.more_settings}, stdout=sink, stderr=sink
            )

    def kill_control_plane(self) -> None:
        process = self._processes.pop("control_plane")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def signal_control_plane(self, number: signal.Signals) -> None:
        self._processes["control_plane"].send_signal(number)

    def admin(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.admin_port}{path}", trust_env=False)

    def stat(self, name: str) -> int:
        """Return one of Envoy's counters or gauges; 0 while nothing was counted."""
        for line in self.admin(f"/stats?filter=^{name}$").text.splitlines():
            return int(line.rpartition(":")[2])
        return 0

    def wait_until_ready(self) -> None:
        eventually(lambda: self.admin("/ready").status_code == 200, within=60)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def registry(backends: dict[str, list[int]], http_port: int) -> dict[str, Any]:
    """Return a registry like the one of `aisle up`, with these ports behind the gRPC services."""
    grpc_services = {
        name: {"protocol": "grpc", "endpoints": [{"address": "127.0.0.1", "port": port} for port in ports]}
        for name, ports in backends.items()
    }
    return {
        "edge": {"address": "127.0.0.1", "port": free_port()},
        "egress": {"address": "127.0.0.1", "port": free_port()},
        "services": {
            **grpc_services,
            "bff": {"protocol": "http", "endpoints": [{"address": "127.0.0.1", "port": http_port}]},
            "away": {"protocol": "http", "endpoints": [{"address": "127.0.0.1", "port": free_port()}]},
        },
        "edge_routes": [
            {"prefix": "/api/v1/chat/ws", "service": "bff", "upgrade": "websocket", "timeout": 0, "idle_timeout": 300},
            {"prefix": "/api/away", "service": "away"},
            {"prefix": "/away", "service": "away"},
            {"prefix": "/v1/away", "service": "away"},
            {"prefix": "/api/", "service": "bff", "timeout": 30},
            {"prefix": "/v1/", "service": "bff", "timeout": 0, "idle_timeout": 60, "max_request_bytes": 4 << 20},
            {"prefix": "/shop", "service": "bff"},
        ],
    }
