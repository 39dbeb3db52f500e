"""Measures the two Milvus Lite servers side by side: the C++ one (2.5) and the Python and faiss one (3.x).

Each server runs in its own process from its own virtual environment and is driven by the same pymilvus client over TCP:
20,000 rows of 384 dimensions with BM25 text and scalar filters; then a crash test that kills the server in the middle
of acknowledged writes and looks for them after a restart. A killed process is tested, a power cut is not.

    python -m bench.milvus_lite --cpp VENV --faiss VENV [--rows 20000]
"""

import argparse
import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pymilvus import AnnSearchRequest, DataType, Function, FunctionType, MilvusClient, MilvusException, RRFRanker

NAME = "products"
WIDTH = 384
TOP = 100
TIMEOUT = 60.0
CATEGORIES = [f"category-{i}" for i in range(20)]
FILTER = 'category == "category-3" and price < 80 and in_stock == true'


@dataclass(frozen=True)
class Contestant:
    """How one server is started and which dense index it offers."""

    label: str
    index: dict[str, Any]
    command: Callable[[Path, int], list[str]]
    environment: dict[str, str] = field(default_factory=dict)


def cpp_server(venv: Path) -> Contestant:
    """The C++ server: a binary in the package, started without the package's Python."""
    libraries = next(venv.glob("lib/python3*/site-packages/milvus_lite/lib"))
    return Contestant(
        "2.5 C++",
        {"index_type": "FLAT", "metric_type": "COSINE"},
        lambda home, port: [str(libraries / "milvus"), str(home / "milvus.db"), f"127.0.0.1:{port}", "FATAL"],
        {"LD_LIBRARY_PATH": str(libraries)},
    )


def faiss_server(venv: Path) -> Contestant:
    """The Python server over faiss."""
    program = str(venv / "bin" / "milvus-lite")
    return Contestant(
        "3.x faiss",
        {"index_type": "HNSW", "metric_type": "COSINE", "params": {"M": 16, "efConstruction": 200}},
        lambda home, port: [
            program, "server", "--data-dir", str(home / "data"), "--host", "127.0.0.1", "--port", str(port),
        ],
    )  # fmt: skip


class Server:
    """One running server and a client of it."""

    def __init__(self, contestant: Contestant, home: Path) -> None:
        self.contestant, self.home = contestant, home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> MilvusClient:
        """Starts the process and waits until it answers."""
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.contestant.command(self.home, self.port),
                env={**os.environ, **self.contestant.environment},
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return MilvusClient(uri=f"http://127.0.0.1:{self.port}", timeout=TIMEOUT)
            time.sleep(0.01)
        raise RuntimeError(f"{self.contestant.label} did not open its port; see {self.home}/server.log")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> float:
        """Ends the process and says how long it took to go."""
        assert self.process is not None
        begun = time.perf_counter()
        self.process.send_signal(how)
        self.process.wait(30)
        return time.perf_counter() - begun

    def megabytes(self) -> float:
        """Resident memory of the server process."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20


def create(client: MilvusClient, contestant: Contestant) -> None:
    """Creates the collection every measurement uses."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=WIDTH)
    # The plain analyzer, because it is the only one both servers know.
    schema.add_field(
        "text", DataType.VARCHAR, max_length=8192, enable_analyzer=True, analyzer_params={"tokenizer": "standard"}
    )
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("category", DataType.VARCHAR, max_length=64)
    schema.add_field("price", DataType.DOUBLE)
    schema.add_field("in_stock", DataType.BOOL)
    schema.add_function(Function("bm25", FunctionType.BM25, ["text"], ["sparse"]))
    indexes = MilvusClient.prepare_index_params()
    indexes.add_index("dense", **contestant.index)
    indexes.add_index(
        "sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params={"bm25_k1": 1.2, "bm25_b": 0.75}
    )
    client.create_collection(NAME, schema=schema, index_params=indexes, timeout=TIMEOUT)


class Rows:
    """Repeatable rows: unit vectors and texts whose words are as unequally common as in a language."""

    def __init__(self, seed: int = 7) -> None:
        self.random = np.random.default_rng(seed)

    def vector(self) -> list[float]:
        """A random direction."""
        vector = self.random.standard_normal(WIDTH)
        return [float(x) for x in vector / np.linalg.norm(vector)]

    def words(self, count: int) -> str:
        """Words drawn by Zipf's law from a vocabulary of 20,000."""
        return " ".join(f"word{n % 20_000}" for n in self.random.zipf(1.3, count))

    def row(self, key: str) -> dict[str, Any]:
        """One product-shaped row."""
        return {
            "id": key,
            "dense": self.vector(),
            "text": self.words(40),
            "category": CATEGORIES[int(self.random.integers(len(CATEGORIES)))],
            "price": float(self.random.uniform(1, 200)),
            "in_stock": bool(self.random.random() < 0.8),
        }


def load(client: MilvusClient, count: int) -> float:
    """Loads the rows in batches of 500 and returns the seconds it took, flush included."""
    rows = Rows()
    batches = [[rows.row(f"p{i}") for i in range(start, start + 500)] for start in range(0, count, 500)]
    begun = time.perf_counter()
    for batch in batches:
        client.upsert(NAME, batch, timeout=TIMEOUT)
    client.flush(NAME, timeout=TIMEOUT)
    return time.perf_counter() - begun


def searches(client: MilvusClient) -> dict[str, Callable[[Rows], Any]]:
    """The four kinds of search, each as a call that takes the source of its random query."""

    def dense(rows: Rows, where: str = "") -> Any:
        return client.search(NAME, [rows.vector()], anns_field="dense", limit=TOP, filter=where, timeout=TIMEOUT)

    def words(rows: Rows) -> Any:
        return client.search(
            NAME,
            [rows.words(4)],
            anns_field="sparse",
            limit=TOP,
            search_params={"metric_type": "BM25"},
            timeout=TIMEOUT,
        )

    def hybrid(rows: Rows) -> Any:
        requests = [
            AnnSearchRequest([rows.vector()], "dense", {"metric_type": "COSINE"}, limit=TOP),
            AnnSearchRequest([rows.words(4)], "sparse", {"metric_type": "BM25"}, limit=TOP),
        ]
        return client.hybrid_search(NAME, requests, RRFRanker(60), limit=TOP, timeout=TIMEOUT)

    return {"dense": dense, "filtered": lambda rows: dense(rows, FILTER), "bm25": words, "hybrid": hybrid}


def latency(call: Callable[[Rows], Any], repeats: int) -> str:
    """The median and the 99th percentile in milliseconds, after a warm-up."""
    rows, taken = Rows(11), []
    for _ in range(5):
        call(rows)
    for _ in range(repeats):
        begun = time.perf_counter()
        call(rows)
        taken.append((time.perf_counter() - begun) * 1000)
    return f"{np.percentile(taken, 50):.1f} / {np.percentile(taken, 99):.1f} ms"


def saturated(server: Server, seconds: float = 4.0) -> float:
    """Hybrid searches a second with four clients at once."""
    done = [0] * 4
    until = time.perf_counter() + seconds

    def work(worker: int) -> None:
        client = MilvusClient(uri=f"http://127.0.0.1:{server.port}", timeout=TIMEOUT)
        call, rows = searches(client)["hybrid"], Rows(worker)
        while time.perf_counter() < until:
            call(rows)
            done[worker] += 1

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


def acknowledged_until_killed(server: Server, client: MilvusClient, stem: str, flush: bool) -> list[str]:
    """Writes until the server is killed from another thread; the keys of every acknowledged write."""
    rows, acknowledged = Rows(23), list[str]()
    timer = threading.Timer(0.7, server.kill)
    timer.start()
    with contextlib.suppress(MilvusException):
        for number in range(100_000):
            keys = [f"{stem}-{number}-{i}" for i in range(10)]
            client.upsert(NAME, [rows.row(key) for key in keys], timeout=1, retry_times=1)
            if flush:
                client.flush(NAME, timeout=1)
            acknowledged += keys
    timer.join()
    return acknowledged


def found(client: MilvusClient, keys: list[str]) -> int:
    """How many of these keys the server still has."""
    total = 0
    for start in range(0, len(keys), 1000):
        total += len(client.get(NAME, ids=keys[start : start + 1000], output_fields=["id"], timeout=TIMEOUT))
    return total


def crash_rounds(server: Server, client: MilvusClient, flush: bool, rounds: int = 3) -> tuple[str, MilvusClient]:
    """Kills in the middle of writes, restarts, counts; says acknowledged and lost."""
    written = kept = 0
    for number in range(rounds):
        keys = acknowledged_until_killed(server, client, f"{'f' if flush else 'n'}{number}", flush)
        client = server.start()
        client.load_collection(NAME, timeout=TIMEOUT)
        written, kept = written + len(keys), kept + found(client, keys)
    return f"{written - kept} of {written}", client


def measure(contestant: Contestant, rows: int) -> Iterator[tuple[str, str]]:
    """All figures of one server, in the order of the printed table."""
    with tempfile.TemporaryDirectory(prefix="milvus-bench-") as home:
        server = Server(contestant, Path(home))
        client = server.start()
        try:
            create(client, contestant)
            yield "load", f"{load(client, rows):.1f} s"
            for name, call in searches(client).items():
                yield f"{name}, top {TOP}, p50 / p99", latency(call, 200)
            yield "hybrid, four clients", f"{saturated(server):.0f} /s"
            yield "memory", f"{server.megabytes():.0f} MB"
            yield "stop on SIGTERM", f"{server.kill(signal.SIGTERM):.2f} s"
            begun = time.perf_counter()
            client = server.start()
            client.load_collection(NAME, timeout=TIMEOUT)
            searches(client)["hybrid"](Rows(3))
            yield "restart to first hybrid answer", f"{time.perf_counter() - begun:.2f} s"
            lost, client = crash_rounds(server, client, flush=False)
            yield "rows lost by SIGKILL, acknowledged", lost
            lost, client = crash_rounds(server, client, flush=True)
            yield "rows lost by SIGKILL, flushed", lost
        finally:
            if server.process is not None and server.process.poll() is None:
                server.kill()


def main() -> None:
    """Runs both servers one after the other and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpp", type=Path, help="virtual environment with milvus-lite 2.5")
    parser.add_argument("--faiss", type=Path, help="virtual environment with milvus-lite 3.x and pymilvus")
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    contestants = [make(venv) for make, venv in ((cpp_server, given.cpp), (faiss_server, given.faiss)) if venv]
    if not contestants:
        parser.error("name at least one virtual environment")
    print(f"Milvus Lite, {given.rows:,} rows of {WIDTH} dimensions")
    for contestant in contestants:
        for figure, value in measure(contestant, given.rows):
            print(f"| {contestant.label:<10} | {figure:<36} | {value:>18} |", flush=True)


if __name__ == "__main__":
    main()
