"""Catalogue files that are wrong in ways parsers do not expect are refused with a word, never with a traceback."""

import gzip
from pathlib import Path

import pytest
import typer

from cli import importing
from cli.catalog_file import UnreadableFile, format_of, records
from cli.catalog_mapping import UnusableRecord, load, to_product


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("date.yaml", "- {title: a, since: 2026-99-99}"),
        ("deep.json", "[" * 100_000),
        ("deep.jsonl", "[" * 100_000),
        ("number.jsonl", '{"price": ' + "9" * 5000 + "}"),
        ("encoding.csv", b"title\n\xff\xfe"),
        ("torn.jsonl.gz", gzip.compress(b'{"title": "a"}\n' * 5000)[:-400] + b"\x00" * 400),
    ],
)
def test_broken_file_is_refused_by_its_reader(tmp_path: Path, name: str, content: str | bytes) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(UnreadableFile):
        list(records(path, format_of(path)))


def test_price_that_may_mean_two_things_is_refused() -> None:
    mapping = load("aisle")
    for price, minor in (("12,50", 1250), ("1299", 129_900), ("1299,00", 129_900)):
        price_of = to_product({"title": "Lamp", "category": "Light", "price": price}, mapping).product.price
        assert price_of.units * 100 + price_of.nanos // 10_000_000 == minor
    with pytest.raises(UnusableRecord, match="thousands"):
        to_product({"title": "Lamp", "category": "Light", "price": "1,299"}, mapping)


def test_words_of_a_file_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "odd.jsonl", '{"id": "a", "title": "Lamp", "price": "[/b] [red]"}')
    with pytest.raises(typer.Exit):
        importing.catalog(path)
    assert "[/b] [red]" in " ".join(capsys.readouterr().out.split())


def test_records_of_one_id_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(
        tmp_path / "twice.jsonl", '{"id": "A 1", "title": "x", "price": 1}\n{"id": "a-1", "title": "y", "price": 2}'
    )
    found, problems = importing._read(path, "jsonl", load("aisle"), 0)
    assert ([one.product.title for one in found], problems) == (["y"], [])
    assert "the id of another one: 1" in capsys.readouterr().out
