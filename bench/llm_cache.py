"""Measures the cache of answers: how often it knows an answer to a similar question, and how often it is wrong.

A question is wrong when it gets the answer of another one. The cache holds all questions of a set but the one that is
asked, or the originals where a set consists of originals and paraphrases; "as they come" begins with an empty cache and
keeps what it did not know. The judge and its threshold never learnt from a group of questions that is asked: where a
whole set is asked, it is judged in five parts by five judges that were trained and adjusted on the other four. Bounds
are those of Clopper and Pearson, one-sided, 95 %.

    python -m bench.llm_cache [--data FOLDER]
"""

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.shop_questions import Labelled, Swap, fold, swaps
from bench.train_similar_question import (
    FOLDS,
    NEIGHBOURS,
    Corpus,
    Decision,
    Floats,
    bitext,
    decisions,
    encoder,
    gptcache,
    in_training,
    judge_of,
    nearest,
    read_all,
    shop,
    trained_with_thresholds,
    upper_bound,
)
from services.llm.adapters.embedding_similarity import WRONG_SHARE, EmbeddingSimilarity
from services.llm.domain.answer_cache import KnownQuestion

BOUNDS = (0.01, 0.015, 0.02)
STATIC = (0.80, 0.90, 0.95)
_SEED = 11


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    questions: str
    judge: str
    asked: int
    hits: int
    wrong: int

    def __str__(self) -> str:
        share = self.wrong / self.hits if self.hits else 0.0
        bound = upper_bound(self.wrong, self.hits) if self.hits else 1.0
        shares = f"{self.hits / self.asked:>6.1%} | {self.wrong:>5} | {share:>7.2%} | {bound:>7.2%}"
        return f"| {self.questions:<32} | {self.judge:<17} | {self.asked:>5} | {self.hits:>4} | {shares} |"


def counted(questions: str, judge: str, found: Sequence[Decision], least: float) -> Row:
    """Return what a threshold makes of decisions."""
    hits = [one for one in found if one.likelihood >= least]
    return Row(questions, judge, len(found), len(hits), sum(not one.right for one in hits))


def by_cosine(asked: Corpus, known: Corpus) -> list[Decision]:
    """Return what the nearest vector alone decides."""
    found = []
    for at, row in enumerate(nearest(asked.vectors, known.vectors, 2)):
        one = asked.labelled[at]
        place = next(near for near in row.tolist() if known.labelled[near].text != one.text)
        cosine = float(asked.vectors[at] @ known.vectors[place])
        found.append(Decision(cosine, known.labelled[place].answer == one.answer))
    return found


def static_rows(questions: str, asked: Corpus, known: Corpus) -> list[Row]:
    """Return the rows of the usual thresholds."""
    found = by_cosine(asked, known)
    return [counted(questions, f"cosine {least:.2f}", found, least) for least in STATIC]


def outer(part: int) -> Callable[[Labelled], bool]:
    """Return what tells the questions of one part."""
    return lambda one: fold(one.group, FOLDS, "outer") == part


def others_than(part: int) -> Callable[[Labelled], bool]:
    """Return what tells the questions of the other parts."""
    return lambda one: fold(one.group, FOLDS, "outer") != part


@dataclass(frozen=True)
class Judges:
    """Five judges, each for the part of the questions that it did not learn from, and their thresholds by bound."""

    judges: Sequence[EmbeddingSimilarity]
    thresholds: Mapping[float, Sequence[float]]


def cross_trained(own: Corpus) -> Judges:
    """Train and adjust a judge on each four of five parts."""
    trained = [trained_with_thresholds(own.of(others_than(part))) for part in range(FOLDS)]
    thresholds = {bound: [float(one["thresholds"][str(bound)]) for one in trained] for bound in (*BOUNDS, 0.05)}
    return Judges([judge_of(one) for one in trained], thresholds)


def halves(pairs: Corpus) -> tuple[Corpus, Corpus]:
    """Return originals and paraphrases."""
    return Corpus(pairs.labelled[::2], pairs.vectors[::2]), Corpus(pairs.labelled[1::2], pairs.vectors[1::2])


def cross_rows(name: str, judges: Judges, asked: Corpus, known: Corpus, bounds: Sequence[float] = BOUNDS) -> list[Row]:
    """Return the rows of a set that is judged in five parts, one for each bound."""
    found = [decisions(judge, asked.of(outer(part)), known) for part, judge in enumerate(judges.judges)]
    rows = []
    for bound in bounds:
        parts = [counted("", "", one, least) for one, least in zip(found, judges.thresholds[bound], strict=True)]
        asked_of, hits, wrong = (sum(getattr(row, field) for row in parts) for field in ("asked", "hits", "wrong"))
        rows.append(Row(name, f"guard, bound {bound:.1%}", asked_of, hits, wrong))
    return rows


def as_they_come(name: str, own: Corpus, judges: Judges) -> list[Row]:
    """Ask the questions in a random order of a cache that is empty at first."""
    order = list(range(len(own.labelled)))
    random.Random(_SEED).shuffle(order)
    parts = [fold(own.labelled[at].group, FOLDS, "outer") for at in order]
    readings = [read_all(judge, own) for judge in judges.judges]

    def trained(at: int, part: int, known: Sequence[int]) -> int | None:
        near = np.argsort(-(own.vectors[known] @ own.vectors[at]))[:NEIGHBOURS]
        best, place, mine = judges.thresholds[WRONG_SHARE][part], None, readings[part][at]
        for candidate in (known[one] for one in near):
            other = readings[part][candidate]
            chance = judges.judges[part].likelihood(mine, other) if mine and other else 0.0
            if chance >= best:
                best, place = chance, candidate
        return place

    def static(least: float) -> Callable[[int, int, Sequence[int]], int | None]:
        def judged(at: int, part: int, known: Sequence[int]) -> int | None:
            cosines = own.vectors[known] @ own.vectors[at]
            return known[int(cosines.argmax())] if cosines.max() >= least else None

        return judged

    ways = {"guard": trained, **{f"cosine {least:.2f}": static(least) for least in STATIC}}
    rows = []
    for judge, way in ways.items():
        known, hits, wrong = [order[0]], 0, 0
        for at, part in zip(order[1:], parts[1:], strict=True):
            found = way(at, part, known)
            if found is None:
                known.append(at)
                continue
            hits += 1
            wrong += own.labelled[found].answer != own.labelled[at].answer
        rows.append(Row(name, judge, len(order), hits, wrong))
    return rows


def swap_rows(
    name: str, pairs: Sequence[Swap], judge: EmbeddingSimilarity, embed: Callable[[list[str]], Floats]
) -> list[Row]:
    """Ask one of each pair of a cache that holds the other only: whatever hits is wrong."""
    ones, others = embed([pair.one for pair in pairs]), embed([pair.other for pair in pairs])
    cosines = (ones * others).sum(1)
    hits = 0
    for pair, one, other in zip(pairs, ones, others, strict=True):
        if judge.fitting(pair.one, one.tolist(), [KnownQuestion("", pair.other, other.tolist())]):
            hits += 1
            print(f"  answered by its opposite: {pair.one!r} {pair.other!r}")
    rows = [Row(name, "guard", len(pairs), hits, hits)]
    for least in STATIC:
        found = int((cosines >= least).sum())
        rows.append(Row(name, f"cosine {least:.2f}", len(pairs), found, found))
    return rows


def shop_rows(embed: Callable[[list[str]], Floats]) -> Iterator[Row]:
    """Yield what comes of the shop's own questions."""
    own, shipped = shop(embed), EmbeddingSimilarity.load()
    judges = cross_trained(own)
    name = f"shop, all {len(own.labelled)}"
    yield from cross_rows(name, judges, own, own)
    yield from static_rows(name, own, own)
    held_out, name = own.of(lambda one: not in_training(one)), "shop, held out, packaged guard"
    yield counted(name, "guard", decisions(shipped, held_out, own), shipped.threshold)
    yield from static_rows(name, held_out, own)
    yield from as_they_come("shop, as they come", own, judges)
    for file in ("swaps.txt", "swaps-later.txt", "swaps-fresh.txt"):
        yield from swap_rows(f"shop, {file}", swaps(file), shipped, embed)


def gptcache_rows(data: Path, embed: Callable[[list[str]], Floats]) -> Iterator[Row]:
    """Yield what comes of GPTCache's pairs; the paraphrases are asked, the originals are known."""
    shipped = EmbeddingSimilarity.load()
    for name, alike in (("GPTCache, de-duplicated", 0.6), ("GPTCache, same words only", 1.0)):
        pairs = gptcache(data, embed, alike)
        originals, paraphrases = halves(pairs)
        found = decisions(shipped, paraphrases, originals)
        yield counted(name, "guard of the shop", found, shipped.threshold)
        yield from cross_rows(name, cross_trained(pairs), paraphrases, originals, (*BOUNDS, 0.05))
        yield from static_rows(name, paraphrases, originals)


def bitext_rows(data: Path, embed: Callable[[list[str]], Floats]) -> Iterator[Row]:
    """Yield what comes of questions of another shop's customers, which taught the packaged guard nothing."""
    shipped, dev, known = EmbeddingSimilarity.load(), bitext(data, embed, "dev"), bitext(data, embed, "train", 10_000)
    name = "Bitext, dev asked, train known"
    yield counted(name, "guard of the shop", decisions(shipped, dev, known), shipped.threshold)
    yield from static_rows(name, dev, known)


def main() -> None:
    """Print the table; a public set that is not there is named and left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with semantic-cache and bitext-support")
    data: Path | None = parser.parse_args().data
    print(f"| {'questions':<32} | {'judge':<17} | asked | hits |    hit | wrong | of hits | at most |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    embed = encoder()
    for row in shop_rows(embed):
        print(row, flush=True)
    for folder, rows in (("semantic-cache", gptcache_rows), ("bitext-support", bitext_rows)):
        if data is None or not (data / folder).is_dir():
            print(f"{folder}: not measured, the data are not there")
            continue
        for row in rows(data, embed):
            print(row, flush=True)
    print("Quora's pairs of questions (QQP): not measured, the data are not there")


if __name__ == "__main__":
    main()
