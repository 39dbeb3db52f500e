"""Reads the support knowledge base that stands beside this module as Markdown."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml

from local.demo.model import DemoArticle

_FOLDER = Path(__file__).parent / "knowledge"
_FENCE = "---\n"


@lru_cache(maxsize=1)
def load_articles() -> tuple[DemoArticle, ...]:
    """Return all support articles, ordered by topic and title."""
    articles = [_article(path) for path in sorted(_FOLDER.glob("*.md"))]
    return tuple(sorted(articles, key=lambda article: (article.topic, article.title)))


def _article(path: Path) -> DemoArticle:
    text = path.read_text(encoding="utf-8")
    if not text.startswith(_FENCE):
        raise ValueError(f"{path.name} has no front matter")
    head, body = text.removeprefix(_FENCE).split(_FENCE, 1)
    front = yaml.safe_load(head)
    updated = front["updated"]
    if not isinstance(updated, date):
        raise ValueError(f"{path.name} says no date in `updated`")
    return DemoArticle(front["id"], front["title"], front["topic"], body.strip(), updated)
