"""Imports 19,406 electronics products and measures search against human ratings, beside plain BM25 in the same run.

It starts PostgreSQL, Milvus, the model server, the llm and the product service on free ports in a folder of its own,
imports through the public contract, and asks the 55 rated queries through it. Gain is 2^rating - 1. Two columns,
because the rated pool was collected by words: unrated products count as useless, or are left out of the list.

    python -m bench.search_icecat --data DIR [--folder DIR]      DIR holds products.jsonl.gz and ratings.csv.gz
"""

import argparse
import asyncio
import csv
import gzip
import json
import logging
import math
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any

from google.type.money_pb2 import Money

from aisle.product.v1 import product_pb2 as resources
from aisle.product.v1 import product_service_pb2 as pb
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from local import milvus, postgres
from local.process import Process, grpc_probe, http_probe
from local.settings import ROOT, LocalSettings
from local.supervisor import Supervisor
from services.product.adapters.llm_embedder import LlmEmbedder
from services.product.adapters.milvus_search_index import MilvusSearchIndex
from services.product.domain.product_filter import ProductFilter
from services.runtime.channel import MeshChannel
from services.runtime.errors import Unavailable
from services.runtime.interceptors import Caller

STAFF = Caller(subject="bench", role="admin")
SECRET = "only-for-measuring"
BATCH = 250
DEPTH = 100
EVERYTHING = ProductFilter()


@dataclass(frozen=True)
class Ports:
    """Where the servers of this run listen."""

    postgres: int
    milvus: int
    models: int
    llm: int
    product: int


def free_ports() -> Ports:
    """Return ports nobody uses."""
    probes = [socket.socket() for _ in range(5)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    numbers = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return Ports(*numbers)


def processes(folder: Path, ports: Ports) -> list[Process]:
    """Return the servers this measurement needs."""
    shared = {
        "AISLE_TOKEN_KEY": SECRET,
        "AISLE_MEDIA_SIGNING_KEY": SECRET,
        "AISLE_MEDIA_DIR": str(folder / "media"),
        "AISLE_DRAIN_SECONDS": "0",
        "AISLE_LOG_LEVEL": "WARNING",
        "AISLE_EGRESS_ADDRESS": f"127.0.0.1:{ports.llm}",
        "AISLE_MILVUS_URI": f"http://127.0.0.1:{ports.milvus}",
        "AISLE_LLM_LOCAL_URL": f"http://127.0.0.1:{ports.models}/v1",
        "AISLE_PRODUCT_DATABASE_URL": postgres.url("product", ports.postgres, SECRET),
        "AISLE_MODELS_PORT": str(ports.models),
        "AISLE_MODELS_HOME": str(folder / "models"),
    }

    def service(name: str, port: int, after: Sequence[str]) -> Process:
        env = {**shared, f"AISLE_{name.upper()}_LISTEN_PORT": str(port)}
        command = [sys.executable, "-m", f"services.{name}"]
        return Process(name, name, command, grpc_probe(port), port, env, after, cwd=ROOT)

    models = Process(
        "models", "models", [sys.executable, "-m", "local.models"],
        http_probe(f"http://127.0.0.1:{ports.models}/health"), ports.models, shared, ready_within=120.0, cwd=ROOT,
    )  # fmt: skip
    return [
        postgres.process(folder / "postgres", ports.postgres, SECRET),
        milvus.process(folder / "milvus", ports.milvus, LocalSettings.load().servers_venv),
        models,
        service("llm", ports.llm, ("models",)),
        service("product", ports.product, ("postgres", "milvus", "llm")),
    ]


def products(data: Path) -> Iterator[resources.Product]:
    """Yield the catalogue as products of our contract."""
    with gzip.open(data / "products.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            yield resources.Product(
                name=f"products/{row['id']}",
                title=row.get("title") or row["name"],
                description=row.get("short_description") or "",
                category="categories/electronics",
                brand=row.get("supplier") or "",
                price=_money(int(row.get("price") or 0)),
                stock_quantity=1,
                attributes=dict(_attributes(row)),
            )


def _money(minor: int) -> Money:
    return Money(currency_code="USD", units=minor // 100, nanos=minor % 100 * 10_000_000)


def _attributes(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Model", str(row["name"])
    if row.get("ean"):
        yield "EAN", str(row["ean"][0])
    told = 0
    for name, value in row.items():
        kind = name[:7]
        if kind not in ("attr_t_", "attr_n_", "attr_b_") or value is False or told >= 150:
            continue
        told += 1
        said = "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
        yield name[7:].replace("__", " ").replace("_", " ").strip()[:120], said[:2000]


def ratings(data: Path) -> dict[str, dict[str, int]]:
    """Return the ratings of each query by product."""
    rated: dict[str, dict[str, int]] = defaultdict(dict)
    with gzip.open(data / "ratings.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            rated[row["query"]][row["docid"]] = int(row["rating"])
    return {query: found for query, found in rated.items() if any(found.values())}


def ndcg(found: Sequence[str], rated: Mapping[str, int]) -> float:
    """Return nDCG@10 of a ranking."""
    gains = [(2 ** rated.get(item, 0) - 1) / math.log2(place + 2) for place, item in enumerate(found[:10])]
    ideal = sorted(rated.values(), reverse=True)[:10]
    best = sum((2**rating - 1) / math.log2(place + 2) for place, rating in enumerate(ideal))
    return float(sum(gains) / best)


def recall(found: Sequence[str], rated: Mapping[str, int]) -> float | None:
    """Return how many of the good products (2 and 3) are among the first hundred."""
    good = {item for item, rating in rated.items() if rating >= 2}
    return len(good & set(found[:DEPTH])) / len(good) if good else None


async def imported(stub: Any, catalogue: Sequence[resources.Product]) -> None:
    """Import everything and print how long it took."""
    category = resources.Category(name="categories/electronics", title="Electronics")
    await stub.BatchUpsertCategories(pb.BatchUpsertCategoriesRequest(categories=[category]), caller=STAFF)
    batches = [list(catalogue[start : start + BATCH]) for start in range(0, len(catalogue), BATCH)]
    indexed = 0
    started = time.perf_counter()

    async def work() -> None:
        nonlocal indexed
        while batches:
            request = pb.BatchUpsertProductsRequest(products=batches.pop())
            indexed += (await stub.BatchUpsertProducts(request, caller=STAFF)).indexed_count

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work())
    took = time.perf_counter() - started
    count = len(catalogue)
    print(
        f"import: {count} products, {indexed} found by meaning, {took:.0f} s, {count / took:.0f} a second", flush=True
    )


async def searched(stub: Any, query: str) -> list[str]:
    """Return the first hundred products of a search."""
    request = pb.SearchProductsRequest(query=query, page_size=DEPTH)
    reply = await stub.SearchProducts(request, caller=STAFF)
    if reply.degraded:
        raise SystemExit(f"degraded: {list(reply.degraded)}")
    return [result.product.name.removeprefix("products/") for result in reply.results]


async def whole(index: MilvusSearchIndex, total: int) -> None:
    """Wait until the index holds everything: an index of another version is built anew from kept vectors."""
    while True:
        with suppress(Unavailable):
            if await index.size() == total:
                return
        await asyncio.sleep(1)


async def measured(ports: Ports, rated: Mapping[str, Mapping[str, int]], stub: Any, total: int) -> None:
    """Print one row a contestant."""
    index = MilvusSearchIndex(f"http://127.0.0.1:{ports.milvus}", "", "product_items", 384, "FLAT")
    await whole(index, total)
    async with MeshChannel("product", "llm", f"127.0.0.1:{ports.llm}") as channel:
        embedder = LlmEmbedder(channel, "", 384)

        async def words(query: str) -> list[str]:
            return list(await index.by_words(query, EVERYTHING, DEPTH))

        async def meaning(query: str) -> list[str]:
            return list(await index.by_meaning((await embedder.query(query)).vectors[0], EVERYTHING, DEPTH))

        async def ours(query: str) -> list[str]:
            return await searched(stub, query)

        print(f"{len(rated)} queries                 nDCG@10 unrated=0   unrated left out   recall@100")
        for name, ask in (("BM25, all text", words), ("MiniLM vectors", meaning), ("SearchProducts", ours)):
            rows = [(await ask(query), found) for query, found in rated.items()]
            strict = mean(ndcg(ranking, found) for ranking, found in rows)
            lenient = mean(ndcg([item for item in ranking if item in found], found) for ranking, found in rows)
            recalled = mean(value for ranking, found in rows if (value := recall(ranking, found)) is not None)
            print(f"{name:28}      {strict:.3f}              {lenient:.3f}            {recalled:.3f}")
    await index.close()


async def timed(stub: Any, queries: Sequence[str]) -> None:
    """Print how long reads take, one caller at a time."""
    condition = pb.ProductFilter(min_price_minor=2_000, brands=["HP", "Sony"])

    async def listed(query: str) -> None:
        await stub.ListProducts(pb.ListProductsRequest(), caller=STAFF)

    async def narrowed(query: str) -> None:
        request = pb.ListProductsRequest(filter=condition, order=pb.PRODUCT_ORDER_PRICE_ASCENDING)
        await stub.ListProducts(request, caller=STAFF)

    async def found(query: str) -> None:
        await stub.SearchProducts(pb.SearchProductsRequest(query=query), caller=STAFF)

    async def narrow(query: str) -> None:
        await stub.SearchProducts(pb.SearchProductsRequest(query=query, filter=condition), caller=STAFF)

    for name, ask in (("list", listed), ("list, narrowed", narrowed), ("search", found), ("search, narrowed", narrow)):
        taken = []
        for query in queries:
            started = time.perf_counter()
            await ask(query)
            taken.append((time.perf_counter() - started) * 1000)
        print(f"{name:20} median {median(taken):5.1f} ms   p95 {quantiles(taken, n=20)[-1]:5.1f} ms")


async def bench(data: Path, folder: Path) -> None:
    """Start the servers, import unless it was done before, measure, stop."""
    ports = free_ports()
    ready = asyncio.Event()
    supervisor = Supervisor(processes(folder, ports), folder / "logs", lambda watched: None)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervisor.run(ready.set))
        await ready.wait()
        async with MeshChannel("bff", "product", f"127.0.0.1:{ports.product}") as channel:
            stub = ProductServiceStub(channel)
            total = (await stub.ListProducts(pb.ListProductsRequest(page_size=1), caller=STAFF)).total_size
            catalogue = list(products(data))
            if total < len(catalogue):
                await imported(stub, catalogue)
            rated = ratings(data)
            await measured(ports, rated, stub, len(catalogue))
            await timed(stub, list(rated))
        supervisor.stop()
        await running


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with products.jsonl.gz and ratings.csv.gz")
    parser.add_argument("--folder", type=Path, help="keep the servers' data here, for another run without the import")
    arguments = parser.parse_args()
    if not (arguments.data / "ratings.csv.gz").exists():
        raise SystemExit(f"The Icecat data set is not in {arguments.data}; nothing was measured.")
    logging.basicConfig(level=logging.ERROR)
    if arguments.folder:
        asyncio.run(bench(arguments.data, arguments.folder.resolve()))
        return
    with tempfile.TemporaryDirectory(prefix="aisle-icecat-") as folder:
        asyncio.run(bench(arguments.data, Path(folder)))


if __name__ == "__main__":
    main()
