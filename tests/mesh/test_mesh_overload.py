"""R6 with a real Envoy: a crowd is kept small, the others are told at once to come again, and nobody is turned away
while there is none.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from tests.mesh.rig import Mesh, eventually, registry

pytestmark = pytest.mark.servers

LEAST, MOST = 3, 64
USUAL_SECONDS = 0.4


class Behind(ThreadingHTTPServer):
    """What the edge leads to: answers at once, slowly, or once the gate is opened."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: Counter[str] = Counter()
        self.slow = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Behind

    def do_GET(self) -> None:
        if self.path != "/healthz":
            self.server.asked[self.path] += 1
        if self.path.startswith("/api/"):
            self.server.gate.wait(30)
            if self.server.slow.is_set():
                threading.Event().wait(USUAL_SECONDS * 3)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def behind() -> Iterator[Behind]:
    running = Behind()
    yield running
    running.gate.set()
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def mesh(behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    told = registry({}, behind.server_address[1])
    told["edge_routes"] = [
        {
            "prefix": "/api/",
            "service": "bff",
            "timeout": 60,
            "at_once": {"usual_seconds": USUAL_SECONDS, "least": LEAST, "most": MOST},
        },
        {"prefix": "/", "service": "bff"},
    ]
    running = Mesh(tmp_path_factory.mktemp("overload"), told)
    try:
        running.wait_until_ready()
        eventually(lambda: _ask(running, "/ready").status_code == 200, within=20)
        yield running
    finally:
        running.stop()


def _ask(mesh: Mesh, path: str) -> httpx2.Response:
    return httpx2.get(f"http://{mesh.edge}{path}", trust_env=False, timeout=30)


def _limit(mesh: Mesh) -> int:
    return mesh.stat("http.edge.adaptive_concurrency.gradient_controller.concurrency_limit")


def _crowd(mesh: Mesh, pool: ThreadPoolExecutor, count: int, path: str) -> list[Future[httpx2.Response]]:
    return [pool.submit(_ask, mesh, path) for _ in range(count)]


def _until(mesh: Mesh, pool: ThreadPoolExecutor, limit: int) -> None:
    """Let people come one after another until Envoy has found out how long answers take now."""

    def found() -> bool:
        wait(_crowd(mesh, pool, LEAST, "/api/found-out"))
        return _limit(mesh) == limit

    eventually(found, within=60)


def test_nobody_is_turned_away_while_answers_take_the_usual_time(mesh: Mesh, behind: Behind) -> None:
    with ThreadPoolExecutor(MOST) as pool:
        _until(mesh, pool, MOST)
        answers = [one.result() for one in _crowd(mesh, pool, MOST, "/api/quiet")]
    assert Counter(one.status_code for one in answers) == {200: MOST}


def test_crowd_is_kept_small_and_the_others_are_told_at_once_to_come_again(mesh: Mesh, behind: Behind) -> None:
    behind.slow.set()
    with ThreadPoolExecutor(MOST) as pool:
        _until(mesh, pool, LEAST)
        behind.gate.clear()
        crowd = _crowd(mesh, pool, 5 * LEAST, "/api/crowded")
        try:
            # Nobody is answered by what is behind now: whoever is answered was turned away, before all who were let in.
            turned_away: set[Future[httpx2.Response]] = set()
            waiting = set(crowd)
            while len(turned_away) < 4 * LEAST:
                done, waiting = wait(waiting, timeout=30, return_when=FIRST_COMPLETED)
                assert done
                turned_away |= done
            assert behind.asked["/api/crowded"] == LEAST
            for refused in (one.result() for one in turned_away):
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                assert refused.headers["content-type"] == "application/problem+json"
                assert refused.json()["reason"] == "UNAVAILABLE"
            # What is crowded is one part of the edge: the others are as they were.
            assert _ask(mesh, "/elsewhere").status_code == 200
        finally:
            behind.gate.set()
        assert [one.result().status_code for one in waiting] == [200] * LEAST


def test_crowd_that_is_over_lets_everybody_in_again(mesh: Mesh, behind: Behind) -> None:
    behind.slow.clear()
    with ThreadPoolExecutor(MOST) as pool:
        _until(mesh, pool, MOST)
        answers = [one.result() for one in _crowd(mesh, pool, MOST, "/api/over")]
    assert Counter(one.status_code for one in answers) == {200: MOST}
