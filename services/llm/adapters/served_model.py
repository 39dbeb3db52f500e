"""Whether the model that a server says has answered is the one that was asked."""

import re
from functools import lru_cache

from services.llm.domain.errors import FailureKind, ProviderFailed

# A model's name ends with the day of its version: gpt-6-luna-2026-10-01, -20261001, -1001.
_DATE = re.compile(r"[-@_](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
# A longer name that goes on with one of these is another member of the family, not another way to say the same.
_SIZES = frozenset(
    ("mini", "nano", "micro", "tiny", "small", "lite", "flash", "medium", "large", "turbo", "pro", "max")
)


def require(asked: str, served: str) -> None:
    """Raise ProviderFailed when a server names a model that is not the one asked for."""
    if served and not same(asked, served):
        raise ProviderFailed(FailureKind.WRONG_MODEL)


@lru_cache(1024)
def same(asked: str, served: str) -> bool:
    """Return whether two names mean one model: without provider and date, one begins with the other."""
    short, long = sorted((_bare(asked), _bare(served)), key=len)
    if not long.startswith(short):
        return False
    rest = long[len(short) :]
    return not rest or (not rest[0].isalnum() and rest[1:].split("-")[0] not in _SIZES)


def _bare(name: str) -> str:
    return _DATE.sub("", name.lower().rpartition("/")[2])
