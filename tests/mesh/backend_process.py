"""A backend in a process of its own, to be killed and frozen: answers with its name, and counts what it was asked.

`python -m tests.mesh.backend_process PORT NAME` says `ready` once it listens, and then its count for every line read.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from aisle.analytics.v1 import analytics_service_pb2 as analytics
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    add_AnalyticsServiceServicer_to_server,
)
from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer, add_LlmServiceServicer_to_server
from tests.mesh.rig import ROOT, free_port


class _Backend(AnalyticsServiceServicer, LlmServiceServicer):
    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0

    def QueryReport(self, request: Any, context: Any) -> Any:
        self.asked += 1
        time.sleep(_told(context, "x-sleep"))
        if code := int(_told(context, "x-fail")):
            context.abort(next(one for one in grpc.StatusCode if one.value[0] == code), "as told")
        return analytics.QueryReportResponse(columns=[self.name])

    def GenerateText(self, request: Any, context: Any) -> Iterator[Any]:
        self.asked += 1
        for _ in range(int(_told(context, "x-words")) or 3):
            yield llm.GenerateTextResponse(text_delta=self.name)
            time.sleep(_told(context, "x-sleep"))

    def CompleteText(self, request: Any, context: Any) -> Any:
        self.asked += 1
        return llm.CompleteTextResponse(text=self.name)


def _told(context: grpc.ServicerContext, key: str) -> float:
    return float(dict(context.invocation_metadata()).get(key, "0"))


def _serve(port: int, name: str) -> None:
    server = grpc.server(ThreadPoolExecutor(64), options=(("grpc.so_reuseport", 0),))
    backend, state = _Backend(name), health.HealthServicer()
    add_AnalyticsServiceServicer_to_server(backend, server)
    add_LlmServiceServicer_to_server(backend, server)
    state.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    if server.add_insecure_port(f"127.0.0.1:{port}") == 0:
        raise SystemExit(f"port {port} is taken")
    server.start()

    def leave(*_: object) -> None:
        # As services leave: say so, wait until callers have noticed, stop.
        state.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        time.sleep(2.5)
        server.stop(5).wait()
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(backend.asked, flush=True)


class Backend:
    """Such a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start it, on the port it always had."""
        command = [sys.executable, "-m", "tests.mesh.backend_process", str(self.port), self.name]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    @property
    def asked(self) -> int:
        """How many calls it was asked since it started."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        return int(self._process.stdout.readline())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def leave(self) -> None:
        """Ask it to leave, and wait until it has."""
        self._process.terminate()
        self._process.wait(15)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
