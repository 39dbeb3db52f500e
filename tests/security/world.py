"""The platform as attackers see it: its ports, accounts of every kind, its log and its memory."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import httpx2
import psutil

from tests.security.world_process import Plan

PATIENCE = 120.0
PASSWORD = "lantern-and-loom"
# What the process writes when something happened that nobody thought of. The interceptor, the BFF and the OpenAI door
# each log a traceback before they answer INTERNAL or 500.
UNEXPECTED = re.compile(r"Traceback \(most recent call last\)|\"exception\"|call failed|request failed")


@dataclass
class World:
    """A platform that runs in a process of its own."""

    plan: Plan
    process: "subprocess.Popen[bytes]"
    log: Path
    channel: grpc.Channel
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.plan.bff_port}"

    @property
    def openai_url(self) -> str:
        return f"http://127.0.0.1:{self.plan.http_port}"

    @property
    def memory(self) -> int:
        """Bytes the process holds."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def alive(self) -> bool:
        return self.process.poll() is None

    def client(self, who: str = "anonymous", **options: Any) -> httpx2.Client:
        """Return a client of the BFF that speaks for somebody."""
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False, headers=self.headers(who), **options)

    def headers(self, who: str) -> dict[str, str]:
        """Return the headers of anonymous, visitor, shopper, other or admin."""
        return {} if who == "anonymous" else dict(self.sessions[who])

    def call(self, method: str, request: bytes, **metadata: str) -> tuple[grpc.StatusCode, str, bytes]:
        """Send raw bytes to a method, unary or stream; return the code, the words and the last reply."""
        sent = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
        stream = self.channel.unary_stream(method, lambda raw: raw, lambda raw: raw)
        last = b""
        try:
            for reply in stream(request, metadata=sent, timeout=20):
                last = reply
        except grpc.RpcError as error:
            return error.code(), error.details() or "", last
        return grpc.StatusCode.OK, "", last

    def unexpected(self, start: int = 0) -> list[str]:
        """Return the lines of the log since an offset that nobody thought of."""
        with self.log.open("rb") as log:
            log.seek(start)
            lines = log.read().decode("utf-8", "replace").splitlines()
        return [line for line in lines if UNEXPECTED.search(line)]

    def mark(self) -> int:
        """Return the place in the log that later questions begin at."""
        return self.log.stat().st_size


@contextmanager
def running(plan: Plan, folder: Path) -> Iterator[World]:
    """Run a world until left."""
    log = folder / "world.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.security.world_process"], stdin=subprocess.PIPE, stdout=out, stderr=out
        )
    assert process.stdin is not None
    process.stdin.write(plan.to_json())
    process.stdin.close()
    with grpc.insecure_channel(
        f"127.0.0.1:{plan.grpc_port}",
        options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)],
    ) as channel:
        world = World(plan, process, log, channel)
        try:
            _wait(world)
            _people(world)
            yield world
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait(world: World) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not world.alive():
            raise RuntimeError(world.log.read_text())
        try:
            if httpx2.get(f"{world.url}/healthz", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"not up in {PATIENCE} s: {world.log.read_text()[-4000:]}")


def _people(world: World) -> None:
    """Sign in somebody of every kind."""
    world.sessions["visitor"] = {"X-Visitor-Id": str(uuid4())}
    world.sessions["other visitor"] = {"X-Visitor-Id": str(uuid4())}
    with world.client() as client:
        for who, email in {"shopper": "maya", "admin": "admin"}.items():
            body = {"email": f"{email}@lanternandloom.example", "password": PASSWORD}
            world.sessions[who] = _bearer(client.post("/api/v1/auth/login", json=body))
        body = {"email": f"{uuid4().hex}@elsewhere.example", "password": "another-good-password", "name": "Other"}
        world.sessions["other"] = _bearer(client.post("/api/v1/auth/register", json=body))


def _bearer(reply: httpx2.Response) -> dict[str, str]:
    assert reply.status_code in (200, 201), reply.text
    return {"Authorization": f"Bearer {json.loads(reply.text)['access_token']}"}
