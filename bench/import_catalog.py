"""Claim: 19,406 products come in within eight minutes on two cores, and search over them answers.

Runs `aisle import catalog` on a stack of its own in a temporary folder, then asks it the rated queries. Prints the
time, the CPU time of every process, and the latency of searches through the edge.
"""

import argparse
import csv
import gzip
import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from tests.e2e import shop as shops
from tests.e2e.shop import Shop

DATA = Path("../shared/data/icecat")
LIMIT_SECONDS = 480


def main() -> None:
    """Import and search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with products.jsonl.gz and ratings.csv.gz")
    data: Path = parser.parse_args().data
    if not (data / "products.jsonl.gz").exists():
        print(f"Absent: {data}/products.jsonl.gz (Open Icecat products). Nothing was measured.")
        return
    with tempfile.TemporaryDirectory() as folder:
        shop = shops.start(Path(folder) / "home", demo=False)
        try:
            measure_import(shop, data)
            measure_search(shop, data)
        finally:
            shops.stop(shop)


def measure_import(shop: Shop, data: Path) -> None:
    """Import everything and print what it took."""
    before = cpu_seconds(shop)
    started = time.monotonic()
    run = shop.aisle("import", "catalog", str((data / "products.jsonl.gz").resolve()), "--mapping", "icecat")
    took = time.monotonic() - started
    print(run.stdout.strip().splitlines()[-1] if run.stdout else run.stderr)
    print(f"import: {took:.0f} s of {LIMIT_SECONDS} s allowed, exit code {run.returncode}")
    spent = {name: seconds - before.get(name, 0.0) for name, seconds in cpu_seconds(shop).items()}
    for name, seconds in sorted(spent.items(), key=lambda pair: -pair[1])[:6]:
        print(f"  {name:<24}{seconds:8.1f} CPU s")


def measure_search(shop: Shop, data: Path) -> None:
    """Ask the rated queries and print latencies as a client behind the edge sees them."""
    with gzip.open(data / "ratings.csv.gz", "rt", encoding="utf-8") as stream:
        queries = sorted({row["query"] for row in csv.DictReader(stream)})
    latencies, empty = [], 0
    with shop.client() as client:
        for query in queries * 3:
            started = time.perf_counter()
            reply = client.get("/api/v1/products/search", params={"q": query, "page_size": 10})
            latencies.append((time.perf_counter() - started) * 1000)
            empty += not reply.json()["products"]
    latencies.sort()
    p95 = latencies[int(len(latencies) * 0.95)]
    print(
        f"search over all: {len(latencies)} queries, p50 {statistics.median(latencies):.0f} ms, p95 {p95:.0f} ms,",
        end="",
    )
    print(f" {empty} found nothing")
    print(json.dumps({"load": psutil.getloadavg()}))


def cpu_seconds(shop: Shop) -> dict[str, float]:
    """Return the CPU seconds each process has used, by the last word of its command."""
    found: dict[str, float] = {}
    for process in shop.processes():
        words = process.cmdline()
        name = Path(words[0]).name if "python" not in words[0] else " ".join(words[-2:])[-24:]
        found[name] = found.get(name, 0.0) + sum(process.cpu_times()[:2])
    return found


if __name__ == "__main__":
    main()
