"""The house rules find what they are for, and leave alone what is excused by name."""

import ast
from pathlib import Path

import pytest

from checks.house_rules import findings_in


def found(path: str, code: str) -> list[str]:
    text = f'"""A module."""\n{code}\n'
    return [finding.rule for finding in findings_in(Path(path), text, ast.parse(text))]


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("services/chat/servicer.py", "try:\n    x = 1\nexcept Exception:\n    pass", "any-exception"),
        ("services/chat/servicer.py", "try:\n    x = 1\nexcept:\n    pass", "any-exception"),
        ("bff/app.py", "import asyncio\nasyncio.create_task(f())", "bare-task"),
        ("services/chat/adapters/x.py", "session.commit()", "commit"),
        ("services/llm/servicer.py", "import os\nos.environ['A']", "environment"),
        ("services/chat/domain/x.py", "from datetime import datetime\ndatetime.now()", "clock"),
        ("services/chat/domain/x.py", "import time\ntime.time()", "clock"),
        ("services/chat/utils.py", "x = 1", "drawer"),
    ],
)
def test_rule_finds_what_it_is_for(path: str, code: str, rule: str) -> None:
    assert found(path, code) == [rule]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("services/llm/settings.py", "import os\nos.environ['A']"),
        ("services/runtime/sql.py", "session.commit()"),
        ("services/chat/adapters/x.py", "from datetime import datetime\ndatetime.now()"),
        ("bff/app.py", "try:\n    x = 1\nexcept Exception:  # house: allow any-exception - a reason\n    pass"),
    ],
)
def test_rule_leaves_alone_what_is_allowed(path: str, code: str) -> None:
    assert found(path, code) == []


def test_excuse_for_another_rule_does_not_count() -> None:
    code = "try:\n    x = 1\nexcept Exception:  # house: allow commit - a reason\n    pass"
    assert found("bff/app.py", code) == ["any-exception"]
