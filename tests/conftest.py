"""Real servers for tests: PostgreSQL, Redis and Milvus Lite, started once a test run."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from threading import Thread
from uuid import uuid4

import asyncpg
import pytest

from local import milvus, postgres, redis
from local.process import Process
from local.settings import LocalSettings
from local.supervisor import Supervisor

PASSWORD = "only-for-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerThread:
    """One supervised server in a thread with an event loop of its own, so that tests may use any loop."""

    def __init__(self, process: Process, logs: Path) -> None:
        self._ready = False
        self._process = process
        self._logs = logs
        self._loop = asyncio.new_event_loop()
        self._supervisor: Supervisor | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        while not self._ready and self._thread.is_alive():
            self._thread.join(0.05)
        if not self._ready:
            raise RuntimeError(f"{self._process.title} did not start: {self._failure}")

    def stop(self) -> None:
        if self._supervisor is not None:
            self._loop.call_soon_threadsafe(self._supervisor.stop)
        self._thread.join(30)

    def _run(self) -> None:
        async def main() -> None:
            self._supervisor = Supervisor([self._process], self._logs, lambda watched: None)
            await self._supervisor.run(self._on_ready)

        try:
            self._loop.run_until_complete(main())
        except BaseException as failure:  # handed to the thread that waits
            self._failure = failure

    def _on_ready(self) -> None:
        self._ready = True


def run_server(process: Process, logs: Path) -> Iterator[None]:
    server = ServerThread(process, logs)
    server.start()
    try:
        yield
    finally:
        server.stop()


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres_port(servers_folder: Path) -> Iterator[int]:
    port = free_port()
    for _ in run_server(postgres.process(servers_folder / "postgres", port, PASSWORD), servers_folder):
        yield port


@pytest.fixture(scope="session")
def redis_url(servers_folder: Path) -> Iterator[str]:
    port = free_port()
    for _ in run_server(redis.process(servers_folder / "redis", port, PASSWORD), servers_folder):
        yield redis.url(port, PASSWORD)


@pytest.fixture(scope="session")
def milvus_uri(servers_folder: Path) -> Iterator[str]:
    port = free_port()
    process = milvus.process(servers_folder / "milvus", port, LocalSettings.load().servers_venv)
    for _ in run_server(process, servers_folder):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def database_url(postgres_port: int) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Return a function that makes an empty database owned by a service's role, and its URL. Dropped afterwards."""
    made: list[str] = []

    async def make(service: str) -> str:
        name = f"test_{service}_{uuid4().hex[:8]}"
        admin = await _admin(postgres_port)
        await admin.execute(f'CREATE DATABASE "{name}" OWNER "{service}"')
        await admin.close()
        made.append(name)
        own = postgres.role_password(service, PASSWORD)
        return f"postgresql+asyncpg://{service}:{own}@127.0.0.1:{postgres_port}/{name}"

    yield make
    admin = await _admin(postgres_port)
    for name in made:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def _admin(port: int) -> asyncpg.Connection:
    return await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, database="postgres")
