"""The table of limits in a reviewed file, followed as it changes."""

import asyncio
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.limits.domain.limit import Asker, Limit, LimitTable, Unit

log = logging.getLogger("aisle.limits.file")

_LIMIT = re.compile(r"(?P<requests>[1-9]\d{0,8})/(?P<unit>second|minute|hour|day)")


class LimitsFileError(Exception):
    """The file cannot be used; the message says everything that is wrong with it."""


def _limit(value: object) -> object:
    found = _LIMIT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a limit is written like 60/minute; units are second, minute, hour and day")
    return Limit(int(found["requests"]), Unit[found["unit"].upper()])


Written = Annotated[Limit, BeforeValidator(_limit)]
RateClass = Literal["browse", "write", "generate", "bulk"]
Who = Literal["user", "key", "address"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Exception(_Entry):
    rate_class: RateClass = Field(alias="class")
    limit: Written
    user: str = ""
    key: str = Field("", pattern=r"^(sha256:[0-9a-f]{64})?$")
    address: str = ""

    def read(self) -> Asker:
        named = [(who, value) for who in ("user", "key", "address") if (value := getattr(self, who))]
        if len(named) != 1:
            raise ValueError("an exception names exactly one of user, key and address")
        return Asker(self.rate_class, *named[0])


class _File(_Entry):
    version: Literal[1]
    edge: dict[RateClass, dict[Who, Written]] = Field(default_factory=dict)
    egress: dict[RateClass, dict[Who, Written]] = Field(default_factory=dict)
    exceptions: tuple[_Exception, ...] = ()

    def read(self) -> LimitTable:
        domains: Mapping[str, dict[RateClass, dict[Who, Limit]]] = {"edge": self.edge, "egress": self.egress}
        limits: dict[tuple[str, str, str], Limit] = {
            (domain, rate_class, who): limit
            for domain, classes in domains.items()
            for rate_class, askers in classes.items()
            for who, limit in askers.items()
        }
        return LimitTable(limits, {entry.read(): entry.limit for entry in self.exceptions})


def parse(text: str) -> LimitTable:
    """Return the table a text describes. Raises LimitsFileError."""
    try:
        return _File.model_validate(yaml.safe_load(text)).read()
    except ValidationError as invalid:
        found = invalid.errors(include_url=False, include_input=False, include_context=False)
        said = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in found)
        raise LimitsFileError(said) from invalid
    except (yaml.YAMLError, ValueError, RecursionError) as broken:
        raise LimitsFileError(" ".join(str(broken).split())) from broken


class LimitsFile:
    """A `Limits`. The file has to be good at the start; later a bad one changes nothing."""

    def __init__(self, path: Path, poll_seconds: float) -> None:
        """Read the file, which is looked at again and again. Raises LimitsFileError, OSError."""
        self._path = path
        self._poll_seconds = poll_seconds
        self._seen = self._signature()
        self.table = parse(path.read_text("utf-8"))

    async def follow(self) -> None:
        """Take each change that can be read, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                signature = await asyncio.to_thread(self._signature)
                if signature == self._seen:
                    continue
                self._seen = signature
                self.table = parse(await asyncio.to_thread(self._path.read_text, "utf-8"))
            except (OSError, UnicodeDecodeError, LimitsFileError) as problem:
                log.error("limits not usable", extra={"data": {"path": str(self._path), "reason": str(problem)}})
            else:
                log.info("limits changed", extra={"data": {"limits": len(self.table.limits)}})

    def _signature(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
