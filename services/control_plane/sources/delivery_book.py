"""The delivery file as people change it: read with its version, replaced as a whole or not at all."""

import asyncio
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from services.runtime.errors import Conflict, Precondition


@dataclass(frozen=True, slots=True)
class Written:
    """A file, and a hash of it."""

    text: str
    etag: str


class DeliveryBook:
    """The file of one control plane. Replicas that share its folder share it."""

    def __init__(self, path: Path | None) -> None:
        """Take the file; it need not be there yet. None where calls are not delivered by a file."""
        self._path = path
        self._writing = asyncio.Lock()

    async def read(self) -> Written:
        """Return what is written; nothing while there is no file. Raises Precondition when there can be none."""
        return await asyncio.to_thread(_read, self._there())

    async def replace(self, text: str, etag: str) -> Written:
        """Replace the file. Raises Conflict when it is not what it was when it was looked at.

        A file that is already as wanted stays: whoever asks again after losing the answer has got what was asked for.
        """
        path = self._there()
        async with self._writing:
            before = await asyncio.to_thread(_read, path)
            if before.text == text:
                return before
            if etag and before.etag != etag:
                raise Conflict("DELIVERY_CHANGED", "Somebody changed the delivery meanwhile; look at it again.")
            try:
                await asyncio.to_thread(_replace, path, text)
            except OSError:
                raise Precondition(
                    "DELIVERY_READ_ONLY", "The control plane may not write its delivery file; change it at its source."
                ) from None
        return Written(text, _etag(text))

    def _there(self) -> Path:
        if self._path is None:
            raise Precondition("DELIVERY_NOT_CONFIGURED", "This control plane has no delivery file.")
        return self._path


def _read(path: Path) -> Written:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    return Written(text, _etag(text))


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(number, "w", encoding="utf-8") as fresh:
        fresh.write(text)
        fresh.flush()
        os.fsync(fresh.fileno())
    Path(name).chmod(0o644)
    Path(name).replace(path)


def _etag(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
