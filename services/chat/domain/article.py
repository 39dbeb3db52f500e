"""Articles of the shop's support knowledge, and the passages they are cut into."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.chat.domain.text import HEADING, clean, sentences

MIN_WORDS = 60
MAX_WORDS = 180

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"^(?:```|~~~)")
_RULE = re.compile(r"^(?:[-*_]\s*){3,}$")
_TABLE_RULE = re.compile(r"^\|?[\s:|-]+\|[\s:|-]*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,2}[.)])\s+")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)|`|~~)")
_TAG = re.compile(r"<[^>\n]{1,200}>")


@dataclass(frozen=True, slots=True)
class Article:
    """A help text. `body` is Markdown; `key` is the last part of its name."""

    key: str
    title: str
    topic: str
    body: str
    update_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of an article short enough to quote. The key changes with the words."""

    key: str
    article: str
    title: str
    section: str
    text: str

    @property
    def headed(self) -> str:
        """The text under its title, as it is embedded and searched."""
        return f"{self.title}\n{self.shown}"

    @property
    def shown(self) -> str:
        """The text as people read it: headings as lines of their own."""
        return re.sub(f"^{HEADING}", "", self.text, flags=re.M)

    def in_context(self) -> list[str]:
        """Return each sentence under title and heading, as it is embedded: alone it may not say what it is about."""
        return [
            ". ".join(part for part in (self.title, sentence.section, sentence.text) if part)
            for sentence in sentences(self.text)
        ]


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph or a list, and the section it stands in."""

    section: str
    lines: tuple[str, ...]

    @property
    def size(self) -> int:
        return sum(len(line.split()) for line in self.lines)


def passages_of(article: Article) -> list[Passage]:
    """Return the article's passages: whole paragraphs of one section, short sections joined with their neighbours."""
    packed: list[list[_Block]] = []
    for block in _blocks(article):
        if packed and _joins(packed[-1], block):
            packed[-1].append(block)
        else:
            packed.append([block])
    if len(packed) > 1 and _size(packed[-1]) < MIN_WORDS and _size(packed[-2]) + _size(packed[-1]) <= MAX_WORDS:
        packed[-2:] = [packed[-2] + packed[-1]]
    return [_passage(article, number, blocks) for number, blocks in enumerate(packed)]


def _joins(blocks: Sequence[_Block], block: _Block) -> bool:
    size = _size(blocks)
    if size + block.size > MAX_WORDS:
        return False
    # A section ends a passage once the passage can stand alone; a list stays with the line before it.
    return size < MIN_WORDS or blocks[-1].section == block.section or blocks[-1].lines[-1].endswith(":")


def _size(blocks: Sequence[_Block]) -> int:
    return sum(block.size for block in blocks)


def _passage(article: Article, number: int, blocks: Sequence[_Block]) -> Passage:
    sections = list(dict.fromkeys(block.section for block in blocks if block.section))
    text = "\n".join(_lines(blocks))
    section = " / ".join(sections)
    mark = hashlib.sha256(f"{article.title}\n{section}\n{text}".encode()).hexdigest()[:10]
    return Passage(f"{article.key}.{number}.{mark}", article.key, article.title, section, text)


def _lines(blocks: Sequence[_Block]) -> Iterator[str]:
    """Yield the lines of blocks, each section under its heading."""
    section = ""
    for block in blocks:
        if block.section != section:
            section = block.section
            yield HEADING + section
        yield from block.lines


def _blocks(article: Article) -> Iterator[_Block]:
    section, in_list = "", False
    lines: list[str] = []
    for line in [*_prose(article.body), ""]:
        heading, item = _HEADING.match(line), bool(_ITEM.match(line))
        goes_on = (
            bool(line) and not heading and ((in_list and (item or line.startswith("  "))) or not (in_list or item))
        )
        if lines and not goes_on:
            yield from _cut(_Block(section, tuple(lines)))
            lines = []
        if heading:
            title = plain(heading.group(2))
            section = "" if title == article.title else title
        elif line.strip():
            in_list = item or (in_list and bool(lines))
            lines = _extended(lines, line, item)


def _extended(lines: list[str], line: str, item: bool) -> list[str]:
    """Add a line: items stand alone, what goes on over several lines is joined."""
    if item:
        found = _ITEM.match(line)
        marker = found.group().strip() if found else ""
        return [*lines, f"{marker if marker[:1].isdigit() else '-'} {plain(_ITEM.sub('', line, count=1))}"]
    if lines:
        return [*lines[:-1], f"{lines[-1]} {plain(line)}"]
    return [plain(line)]


def _prose(body: str) -> Iterator[str]:
    """Yield the lines without fences, rules and quote marks; table rows become list items."""
    header: list[str] = []
    lines = clean(body).split("\n")
    for position, raw in enumerate(lines):
        line = raw.rstrip().removeprefix("> ")
        following = lines[position + 1].strip() if position + 1 < len(lines) else ""
        if _FENCE.match(line.strip()) or _RULE.match(line.strip()):
            continue
        if not line.strip().startswith("|"):
            header = []
            yield line
        elif _TABLE_RULE.match(line.strip()):
            continue
        elif _TABLE_RULE.match(following) and following.startswith("|"):
            header = _cells(line)
        else:
            yield "- " + _row(header, _cells(line))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(header: Sequence[str], cells: Sequence[str]) -> str:
    """Return a table's row as a phrase: the first cell, then every other under its heading."""
    named = [
        f"{header[place].lower()} {cell}" if place < len(header) and header[place] else cell
        for place, cell in enumerate(cells[1:], start=1)
        if cell
    ]
    return f"{cells[0]}: {', '.join(named)}" if named else cells[0]


def _cut(block: _Block) -> Iterator[_Block]:
    """Cut a block that is too long between its lines, a long paragraph between its sentences."""
    lines = [part for line in block.lines for part in _halves(line)]
    taken: list[str] = []
    for line in lines:
        if taken and sum(len(part.split()) for part in [*taken, line]) > MAX_WORDS:
            yield _Block(block.section, tuple(taken))
            taken = []
        taken.append(line)
    if taken:
        yield _Block(block.section, tuple(taken))


def _halves(line: str) -> list[str]:
    tokens = line.split(" ")
    if len(tokens) <= MAX_WORDS:
        return [line]
    middle = len(tokens) // 2
    ends = [n + 1 for n, token in enumerate(tokens[:-1]) if token.endswith((".", "!", "?"))]
    cut = min(ends, key=lambda place: abs(place - middle), default=middle)
    return [*_halves(" ".join(tokens[:cut])), *_halves(" ".join(tokens[cut:]))]


def plain(markdown: str) -> str:
    """Return a line of Markdown as plain text."""
    text = _TAG.sub("", _LINK.sub(r"\1", _IMAGE.sub("", markdown)))
    return " ".join(_EMPHASIS.sub("", text).split())
