"""Envoy's own advice for edge proxies, point by point, with bytes on a socket: what no client of ours would send."""

import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local import envoy
from tests.mesh.rig import ROOT, HttpBackend, Mesh, eventually, free_port, registry

pytestmark = pytest.mark.servers


class NarrowMesh(Mesh):
    """A mesh whose Envoy has limits that a test can reach."""

    def __init__(self, home: Path, stated: dict[str, Any], **limits: Any) -> None:
        self._limits = limits
        super().__init__(home, stated)

    def start_proxy(self) -> subprocess.Popen[bytes]:
        binary = envoy.envoy_binary(Path(os.environ.get("AISLE_SERVERS_VENV", ROOT / ".venv-servers")))
        path = self.registry_file.with_name("envoy.json")
        told = envoy.bootstrap("narrow", self.admin_port, f"127.0.0.1:{self.control_plane_port}", **self._limits)
        path.write_text(json.dumps(told))
        with self.envoy_log.open("ab") as sink:
            return subprocess.Popen(envoy.command(binary, path), stdout=sink, stderr=sink)


def _started(home: Path, shop: HttpBackend, **limits: Any) -> NarrowMesh:
    stated = registry({}, shop.port)
    stated["edge"] = {**stated["edge"], "headers_timeout": 1, "request_timeout": 2}
    stated["edge_routes"] = [{"prefix": "/", "service": "bff"}]
    return NarrowMesh(home, stated, **limits)


@pytest.fixture(scope="module")
def shop() -> Iterator[HttpBackend]:
    running = HttpBackend(free_port())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def mesh(shop: HttpBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    running = _started(tmp_path_factory.mktemp("practice"), shop)
    try:
        running.wait_until_ready()
        eventually(lambda: answers(running), within=15)
        yield running
    finally:
        running.stop()


def answers(mesh: Mesh) -> bool:
    return httpx2.get(f"http://{mesh.edge}/", trust_env=False).status_code == 200


def line_to(mesh: Mesh) -> socket.socket:
    host, port = mesh.edge.split(":")
    return socket.create_connection((host, int(port)), 10)


def said(line: socket.socket) -> bytes:
    """Return all that comes until the other side hangs up."""
    found = b""
    try:
        while part := line.recv(65536):
            found += part
    except (ConnectionResetError, TimeoutError):
        pass
    return found


def sent(mesh: Mesh, request: bytes) -> tuple[bytes, int]:
    """Return what a request is answered, and how many reached the shop."""
    before = mesh.stat("cluster.bff.upstream_rq_total")
    with closing(line_to(mesh)) as line:
        line.settimeout(4)
        line.sendall(request)
        answer = said(line)
    return answer, mesh.stat("cluster.bff.upstream_rq_total") - before


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: shop\r\n\r\n"


def posted(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"POST / HTTP/1.1", b"Host: shop", *headers, b"", body))


SMUGGLED = {
    "length and chunks": posted(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunks and length": posted(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + HIDDEN),
    "two lengths": posted(b"Content-Length: 0", b"Content-Length: 4", body=HIDDEN),
    "two lengths in one line": posted(b"Content-Length: 0, 4", body=HIDDEN),
    "length with a sign": posted(b"Content-Length: +4", body=HIDDEN),
    "length below nought": posted(b"Content-Length: -1", body=HIDDEN),
    "length in hexadecimal": posted(b"Content-Length: 0x4", body=HIDDEN),
    "length beyond all numbers": posted(b"Content-Length: 99999999999999999999999", body=HIDDEN),
    "another coding": posted(b"Transfer-Encoding: xchunked", body=HIDDEN),
    "coding twice": posted(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + HIDDEN),
    "coding with a tab": posted(b"Transfer-Encoding:\tchunked", b"Content-Length: 4", body=b"0\r\n\r\n" + HIDDEN),
    "blank before the colon": posted(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
    "folded coding": posted(b"Transfer-Encoding:", b" chunked", b"Content-Length: 4", body=b"0\r\n\r\n" + HIDDEN),
    "nought in a header": posted(b"X-Nought: a\x00b", body=HIDDEN),
    "underscore": posted(b"Content_Length: 4", b"Content-Length: 0", body=HIDDEN),
    "size of a chunk that is none": posted(b"Transfer-Encoding: chunked", body=b"zz\r\n\r\n0\r\n\r\n" + HIDDEN),
    "size of a chunk beyond all numbers": posted(
        b"Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n\r\n0\r\n\r\n" + HIDDEN
    ),
    "no host": b"GET / HTTP/1.1\r\n\r\n" + HIDDEN,
    "old protocol": b"GET / HTTP/0.9\r\n\r\n" + HIDDEN,
    "blank in the path": b"GET /a b HTTP/1.1\r\nHost: shop\r\n\r\n" + HIDDEN,
    "fragment in the path": b"GET /api/v1/orders#/assets HTTP/1.1\r\nHost: shop\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("request_", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_request_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(
    mesh: Mesh, request_: bytes
) -> None:
    answer, reached = sent(mesh, request_)
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) or answer == b""
    assert (answer.count(b"HTTP/1.1 "), reached) in ((1, 0), (0, 0))
    assert b"/hidden" not in answer


# What Envoy takes and writes anew: whoever reads it behind Envoy reads what Envoy read.
TIDIED = {
    "folded header": (
        posted(b"X-Odd: a", b" Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
        {"x-odd": "a Transfer-Encoding: chunked", "content-length": "0"},
    ),
    "lone return in a header": (
        posted(b"X-Odd: a\rTransfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
        {"x-odd": "aTransfer-Encoding: chunked", "content-length": "0"},
    ),
    "lines that end without a return": (
        b"GET / HTTP/1.1\nHost: shop\nX-Odd: 1\nConnection: close\n\n" + HIDDEN,
        {"x-odd": "1", "host": "shop"},
    ),
    "two hosts": (
        b"GET / HTTP/1.1\r\nHost: shop\r\nHost: other\r\nConnection: close\r\n\r\n" + HIDDEN,
        {"host": "shop,other"},
    ),
}


@pytest.mark.parametrize(("request_", "seen"), TIDIED.values(), ids=TIDIED.keys())
def test_request_that_is_odd_reaches_the_shop_in_one_way_only(
    mesh: Mesh, request_: bytes, seen: dict[str, str]
) -> None:
    answer, reached = sent(mesh, request_)
    assert (answer[:12], reached) == (b"HTTP/1.1 200", 1)
    told, _ = json.JSONDecoder().raw_decode(answer[answer.index(b"{") :].decode())
    assert seen.items() <= told["headers"].items()
    assert "transfer-encoding" not in told["headers"]
    assert (told["path"], told["size"]) == ("/", 0)


def test_slow_head_is_given_up(mesh: Mesh) -> None:
    with closing(line_to(mesh)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n")
        for _ in range(40):
            time.sleep(0.1)
            try:
                line.sendall(b"X-Slow: 1\r\n")
            except (BrokenPipeError, ConnectionResetError):
                break
        assert said(line).startswith(b"HTTP/1.1 408") or mesh.stat("http.edge.downstream_rq_header_timeout") > 0
    assert mesh.stat("http.edge.downstream_rq_header_timeout") > 0


def test_slow_body_is_given_up_and_never_reaches_the_shop(mesh: Mesh) -> None:
    before = mesh.stat("cluster.bff.upstream_rq_total")
    with closing(line_to(mesh)) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            time.sleep(0.1)
            try:
                line.sendall(b"x")
            except (BrokenPipeError, ConnectionResetError):
                break
        assert b"408" in said(line)[:20] or mesh.stat("http.edge.downstream_rq_timeout") > 0
    assert mesh.stat("http.edge.downstream_rq_timeout") > 0
    assert mesh.stat("cluster.bff.upstream_rq_total") == before


# HTTP/2 by hand: header blocks of the static table only.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
REFUSED_STREAM = 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def head(method: int) -> bytes:
    """Return a header block: method by its place in the table (2 GET, 3 POST), http, /, and an authority."""
    return bytes((0x80 | method, 0x86, 0x84, 0x41, 4)) + b"shop"


def frames(line: socket.socket, seconds: float) -> list[tuple[int, int, bytes]]:
    """Return (kind, stream, payload) of what comes within a time, or until the other side hangs up."""
    line.settimeout(0.2)
    data, ends = b"", time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            part = line.recv(65536)
        except TimeoutError:
            continue
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
    found = []
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        found.append((data[3], int.from_bytes(data[5:9], "big") & 0x7FFFFFFF, data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def test_no_more_streams_than_allowed_run_on_one_connection(mesh: Mesh) -> None:
    with closing(line_to(mesh)) as line:
        line.sendall(PREFACE + frame(SETTINGS, 0, 0))
        # Posts whose bodies never come.
        line.sendall(b"".join(frame(HEADERS, END_HEADERS, 2 * n + 1, head(3)) for n in range(120)))
        found = frames(line, 1.0)
    refused = [stream for kind, stream, payload in found if kind == RST_STREAM]
    left = [payload for kind, _, payload in found if kind == GOAWAY]
    assert left or len(refused) == 20
    assert answers(mesh)


def test_streams_opened_only_to_be_reset_end_the_connection(mesh: Mesh) -> None:
    with closing(line_to(mesh)) as line:
        line.settimeout(5)
        line.sendall(PREFACE + frame(SETTINGS, 0, 0))
        try:
            for begin in range(0, 20_000, 50):
                line.sendall(b"".join(opened_and_reset(n) for n in range(begin, begin + 50)))
            ended = _hung_up(line)
        except (BrokenPipeError, ConnectionResetError):
            ended = True
    assert ended
    assert answers(mesh)


def opened_and_reset(number: int) -> bytes:
    stream = 2 * number + 1
    opened = frame(HEADERS, END_HEADERS | END_STREAM, stream, head(2))
    return opened + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


def _hung_up(line: socket.socket) -> bool:
    try:
        while line.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


def test_a_page_that_is_left_may_reset_what_it_asked_for(mesh: Mesh) -> None:
    with closing(line_to(mesh)) as line:
        line.sendall(PREFACE + frame(SETTINGS, 0, 0))
        for n in range(60):
            line.sendall(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, head(2)))
            line.sendall(frame(RST_STREAM, 0, 2 * n + 1, struct.pack(">I", 8)))
        line.sendall(frame(HEADERS, END_HEADERS | END_STREAM, 201, head(2)))
        found = frames(line, 1.5)
    assert not [kind for kind, _, _ in found if kind == GOAWAY]
    assert [stream for kind, stream, _ in found if kind == HEADERS][-1] == 201


def test_connections_beyond_the_limit_of_the_process_are_closed(shop: HttpBackend, tmp_path: Path) -> None:
    mesh = _started(tmp_path, shop, max_connections=12)
    try:
        mesh.wait_until_ready()
        eventually(lambda: answers(mesh), within=15)
        with ExitStack() as stack:
            lines = [stack.enter_context(closing(line_to(mesh))) for _ in range(30)]
            # Of the edge alone: the other listener counts too, and nobody was turned away there.
            edge = mesh.edge.replace(":", "_")
            eventually(lambda: mesh.stat(f"listener.{edge}.downstream_global_cx_overflow") > 0)
            alive = 0
            for line in lines:
                line.settimeout(0.5)
                try:
                    line.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
                    alive += line.recv(100).startswith(b"HTTP/1.1 200")
                except OSError:
                    continue
            assert 1 <= alive <= 12
        eventually(lambda: answers(mesh))
    finally:
        mesh.stop()


def test_process_that_is_out_of_memory_refuses_instead_of_dying(shop: HttpBackend, tmp_path: Path) -> None:
    mesh = _started(tmp_path, shop, max_heap_bytes=1)
    try:
        mesh.wait_until_ready()
        eventually(lambda: mesh.stat("overload.envoy.overload_actions.stop_accepting_requests.active") == 1)
        eventually(lambda: not _lets_in(mesh))
        assert mesh.admin("/ready").status_code == 200
    finally:
        mesh.stop()


def _lets_in(mesh: Mesh) -> bool:
    try:
        return httpx2.get(f"http://{mesh.edge}/", trust_env=False, timeout=1).status_code != 503
    except httpx2.HTTPError:
        return False


def test_admin_listens_on_this_machine_only() -> None:
    told = envoy.bootstrap("one", 9901, "127.0.0.1:18000")
    assert told["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
