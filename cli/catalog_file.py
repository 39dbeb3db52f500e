"""Reads catalogue files: JSON Lines, JSON, CSV and YAML, plain or gzipped, record by record."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import yaml

Record = Mapping[str, Any]

FORMATS = ("jsonl", "json", "csv", "yaml")
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".yaml": "yaml", ".yml": "yaml"}


class UnreadableFile(Exception):
    """The file is not what it should be; the message says where and why."""


def format_of(path: Path) -> str:
    """Return the format a file's name tells, or raise UnreadableFile."""
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    found = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise UnreadableFile(f"{path.name}: cannot tell the format; its name should end in {', '.join(_SUFFIXES)}")
    return found


def records(path: Path, file_format: str) -> Iterator[tuple[int, Record]]:
    """Yield (place, record): the line in JSON Lines and CSV, the number of the entry elsewhere, both from 1."""
    reader = {"jsonl": _json_lines, "json": _json, "csv": _csv, "yaml": _yaml}[file_format]
    try:
        with _opened(path) as stream:
            for place, record in reader(stream):
                if not isinstance(record, Mapping):
                    raise UnreadableFile(f"{path.name}:{place}: a product should be an object")
                yield place, record
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: there is no such file") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise UnreadableFile(f"{path.name}: {error}") from None


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(stream: IO[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise UnreadableFile(f"line {number}: {error.msg} at column {error.colno}") from None
            except (ValueError, RecursionError) as error:
                raise UnreadableFile(f"line {number}: {error}") from None


def _json(stream: IO[str]) -> Iterator[tuple[int, Any]]:
    try:
        content = json.load(stream)
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"line {error.lineno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(str(error)) from None
    yield from enumerate(_entries(content), 1)


def _yaml(stream: IO[str]) -> Iterator[tuple[int, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(stream, loader)  # noqa: S506 - both loaders are the safe ones
    except UnicodeDecodeError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The parser lets other errors through, for example of a date that does not exist.
        raise UnreadableFile(str(error).replace("\n", " ")) from None
    yield from enumerate(_entries(content), 1)


def _csv(stream: IO[str]) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(stream)
    for record in reader:
        yield reader.line_num, {key: value for key, value in record.items() if key is not None}


def _entries(content: Any) -> list[Any]:
    if isinstance(content, Mapping) and isinstance(content.get("products"), list):
        content = content["products"]
    if not isinstance(content, list):
        raise UnreadableFile("there should be a list of products")
    return content
