"""Measures the assistant's answers on the demo shop's help pages: the right article, the fact in it, honest refusals.

Questions were written for this bench; every second one tunes the thresholds, the others are held out and are what is
reported. Peers in the same run: BM25 alone and vectors alone. The bitext support set, when it is there, shows the same
code with the same thresholds on knowledge and questions of others.

    python -m bench.chat_answers [--data FOLDER] [--milvus URI] [--wrong] [--sweep]
"""

import argparse
import asyncio
import csv
import gzip
import io
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.chat_questions import OFF_TOPIC, SEEN, SUPPORT, Ask
from local.demo.knowledge import load_articles
from local.models.encoder import Encoder, embedding_model
from local.models.settings import ModelServerSettings
from services.chat.application.find_passages import FindPassages, Found, Glossary
from services.chat.application.index_passages import IndexPassages
from services.chat.application.ports import PassageIndex, Vectors
from services.chat.application.write_articles import WriteArticles
from services.chat.domain.article import Article
from services.chat.domain.extraction import quote
from services.chat.domain.intent import Intent, read_intent
from services.chat.domain.retrieval import CALIBRATED, Calibration
from services.runtime.errors import Unavailable
from tests.fakes.chat_article_book import FakeArticleBook
from tests.fakes.chat_passage_index import FakePassageIndex

EXAMPLES_PER_INTENT = 3


class PackagedEmbedder:
    """The packaged sentence encoder, in this process."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.away = False
        self.known: dict[str, tuple[float, ...]] = {}

    async def embed(self, texts: Sequence[str], urgent: bool) -> Vectors:
        if self.away:
            raise Unavailable("AWAY", "switched off by the bench")
        missing = [text for text in texts if text not in self.known]
        if missing:
            embedded = await self._encoder.embed(missing)
            self.known |= {text: tuple(map(float, row)) for text, row in zip(missing, embedded.vectors, strict=True)}
        return Vectors("models/packaged", tuple(self.known[text] for text in texts))


class BenchClock:
    """Time for the glossary's cache; the bench never changes articles while it asks."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Rig:
    """A knowledge base and the way into it."""

    book: FakeArticleBook
    index: PassageIndex
    embedder: PackagedEmbedder
    glossary: Glossary

    def find(self, calibration: Calibration = CALIBRATED) -> FindPassages:
        return FindPassages(self.book, self.index, self.embedder, self.glossary, calibration)


async def rig_of(articles: Sequence[Article], embedder: PackagedEmbedder, index: PassageIndex) -> Rig:
    book, clock = FakeArticleBook(), BenchClock()
    await WriteArticles(book, IndexPassages(book, index, embedder), clock)(articles)
    return Rig(book, index, embedder, Glossary(book, clock))


@dataclass(frozen=True)
class Scores:
    """Shares of one mode on one half."""

    mode: str
    half: str
    right: float
    answered: float
    right_and_answered: float
    fact: float
    # None when nothing off topic was asked.
    refused: float | None
    words: float

    def row(self) -> str:
        shares = (self.right, self.answered, self.right_and_answered, self.fact)
        refused = f"{'-':>11}" if self.refused is None else f"{self.refused:>11.3f}"
        told = "".join(f"{share:>11.3f}" for share in shares)
        return f"{self.mode:<26} {self.half:<9}{told}{refused}{self.words:>8.0f}"


def half(asks: Sequence[Ask], held_out: bool) -> list[Ask]:
    return [ask for place, ask in enumerate(asks) if bool(place % 2) is held_out]


def answer_of(found: Found) -> str:
    return " ".join(one.text for one in quote(found.question, found.judgement.evidence))


def top_article(found: Found) -> str:
    return found.best.article if found.best else ""


async def score(mode: str, name: str, find: FindPassages, asks: Sequence[Ask], show: bool) -> Scores:
    support = [ask for ask in asks if ask.articles]
    off = [ask for ask in asks if not ask.articles]
    right = answered = both = fact = refused = size = 0
    for ask in support:
        found = await find(ask.text)
        is_right = top_article(found) in ask.articles
        text = answer_of(found)
        right += is_right
        answered += found.judgement.known
        both += is_right and found.judgement.known
        holds = found.judgement.known and ask.fact.lower() in text.lower()
        fact += holds
        size += len(text.split())
        if show and not (is_right and found.judgement.known and holds):
            best = found.judgement.evidence[0]
            # fmt: off
            print(f"  ? {ask.text}\n    {top_article(found)} {found.judgement.known} score={best.score:.2f} "
                  f"meaning={best.meaning:.2f} lexical={best.lexical:.2f}\n    wants {ask.fact!r}: {text!r}")
            # fmt: on
    for ask in off:
        found = await find(ask.text)
        refused += not found.judgement.known
        if show and found.judgement.known:
            best = found.judgement.evidence[0]
            print(f"  ! {ask.text}\n    {top_article(found)} score={best.score:.2f} meaning={best.meaning:.2f} "
                  f"lexical={best.lexical:.2f}")  # fmt: skip
    return Scores(
        mode, name, right / len(support), answered / len(support), both / len(support), fact / len(support),
        refused / len(off) if off else None, size / len(support),
    )  # fmt: skip


async def peers(rig: Rig, asks: Sequence[Ask]) -> list[str]:
    """The right article first by one list alone."""
    rows = []
    support = [ask for ask in asks if ask.articles]
    for name in ("BM25 alone", "vectors alone"):
        right = 0
        for ask in support:
            vector = (await rig.embedder.embed([ask.text], urgent=True)).vectors[0]
            by_words = await rig.index.by_words(ask.text, 1)
            keys = by_words if name == "BM25 alone" else await rig.index.by_meaning(vector, "models/packaged", 1)
            right += bool(keys) and keys[0].split(".")[0] in ask.articles
        rows.append(f"{name:<26} {'held out':<9}{right / len(support):>11.3f}{'never refuses':>22}")
    return rows


async def demo(rig: Rig, show: bool) -> None:
    asks = [*SUPPORT, *OFF_TOPIC]
    print(f"\nDemo shop: {len(rig.book.shelves)} articles, {len(SUPPORT)} questions, {len(OFF_TOPIC)} off topic")
    print(f"{'':<36}{'article@1':>11}{'answered':>11}{'both':>11}{'fact said':>11}{'refused':>11}{'words':>8}")
    for held_out, name in ((False, "tuned on"), (True, "held out")):
        # Support and off-topic questions are halved apart, so that both halves hold both kinds alike.
        chosen = [*half(SUPPORT, held_out), *half(OFF_TOPIC, held_out)]
        print((await score("hybrid", name, rig.find(), chosen, show and not held_out)).row())
    print((await score("hybrid", "seen", rig.find(), SEEN, show)).row())
    chosen = [*half(SUPPORT, True), *half(OFF_TOPIC, True)]
    rig.embedder.away = True
    print((await score("without vectors", "held out", rig.find(), chosen, False)).row())
    rig.embedder.away = False
    if isinstance(rig.index, FakePassageIndex):
        rig.index.away = True
        print((await score("without the index", "held out", rig.find(), chosen, False)).row())
        rig.index.away = False
    for row in await peers(rig, chosen):
        print(row)
    started = time.perf_counter()
    find = rig.find()
    for ask in asks:
        answer_of(await find(ask.text))
    each = (time.perf_counter() - started) / len(asks) * 1000
    print(f"retrieve, judge and quote: {each:.1f} ms a question, vectors at hand")
    wishes = [ask.text for ask in SUPPORT if read_intent(ask.text).intent is not Intent.SUPPORT]
    print(f"questions taken for something else than a question: {len(wishes)} of {len(SUPPORT)} {wishes or ''}")


async def sweep(rig: Rig) -> None:
    """Print how the tuning half moves with the thresholds."""
    chosen = [*half(SUPPORT, False), *half(OFF_TOPIC, False)]
    for known in (0.42, 0.44, 0.46, 0.48, 0.50, 0.52):
        for strange in (0.0, 0.05, 0.10, 0.15):
            find = rig.find(replace(CALIBRATED, known=known, strange=strange))
            print((await score(f"known {known} strange {strange}", "tuned on", find, chosen, False)).row())


async def bitext(folder: Path, embedder: PackagedEmbedder) -> None:
    """Knowledge of others: one article per intent out of published answers, asked by published questions."""
    responses, questions = folder / "responses_4514.csv.gz", folder / "intents_dev.csv.gz"
    if not responses.exists() or not questions.exists():
        print(f"\nbitext support set: not found under {folder}, not measured")
        return
    answers: dict[str, list[str]] = {}
    for row in _rows(responses):
        kept = answers.setdefault(row["intent"], [])
        if len(kept) < EXAMPLES_PER_INTENT:
            kept.append(row["response"])
    articles = [
        Article(intent.replace("_", "-"), intent.replace("_", " ").capitalize(), "", "\n\n".join(texts))
        for intent, texts in answers.items()
    ]
    rig = await rig_of(articles, embedder, FakePassageIndex())
    asks = [Ask(row["utterance"], (row["intent"].replace("_", "-"),), "") for row in _rows(questions)]
    asks = [ask for ask in asks if ask.articles[0] in rig.book.shelves]
    print(f"\nbitext: {len(articles)} intents, each an article of {EXAMPLES_PER_INTENT} answers, {len(asks)} questions")
    print((await score("hybrid, same thresholds", "all", rig.find(), [*asks, *OFF_TOPIC], False)).row())
    for line in await peers(rig, asks):
        print(line)


def _rows(path: Path) -> list[Mapping[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(io.StringIO(file.read())))


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds bitext-support and abcd")
    parser.add_argument("--milvus", default="", help="a Milvus to search in instead of exact search in memory")
    parser.add_argument("--wrong", action="store_true", help="show what went wrong on the tuning half")
    parser.add_argument("--sweep", action="store_true", help="show the tuning half under other thresholds")
    asked = parser.parse_args()
    home = Path(tempfile.gettempdir()) / "aisle-bench-models"
    async with embedding_model(ModelServerSettings(home=home)) as encoder:
        embedder = PackagedEmbedder(encoder)
        articles = [Article(a.id, a.title, a.topic, a.body_markdown) for a in load_articles()]
        rig = await rig_of(articles, embedder, _index(asked.milvus))
        if asked.sweep:
            await sweep(rig)
            return
        await demo(rig, asked.wrong)
        await bitext(asked.data / "bitext-support", embedder)
        print("\nabcd: holds guidelines for staff and three dialogues, no questions with their article: not measured")


def _index(uri: str) -> PassageIndex:
    if not uri:
        return FakePassageIndex()
    from services.chat.adapters.milvus_passages import MilvusPassages

    return MilvusPassages(uri, "bench_chat_passages")


if __name__ == "__main__":
    asyncio.run(main())
