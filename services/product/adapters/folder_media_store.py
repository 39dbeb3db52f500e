"""Pictures in a folder, served under `/media/` with signed addresses."""

import asyncio
import hashlib
import hmac
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from services.product.application.ports import Clock
from services.product.domain.errors import field_invalid, media_store_away
from services.product.domain.picture import is_key

_DAY = 86_400
_DAYS_VALID = 7
_WRITERS = 2


class FolderMediaStore:
    """Keeps pictures as files whose paths are their keys."""

    def __init__(self, folder: Path, signing_key: str, clock: Clock) -> None:
        """Take the folder, the key that signs addresses, and the time."""
        self._folder = folder
        self._key = signing_key.encode()
        self._clock = clock
        self._executor = ThreadPoolExecutor(_WRITERS, thread_name_prefix="media")

    async def store(self, key: str, content: bytes, content_type: str) -> None:
        """Write the file beside its place and move it there, so that nobody reads half a picture."""
        if not is_key(key):
            raise field_invalid("key", "is not a key of the media store")
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._write, key, content)
        except OSError as failure:
            raise media_store_away(failure.strerror or type(failure).__name__) from failure

    def uri(self, key: str) -> str:
        """Return an address that stays the same for a day, so that browsers can cache what is behind it."""
        today = int(self._clock.now().timestamp()) // _DAY
        expires = (today + 1 + _DAYS_VALID) * _DAY
        signature = hmac.new(self._key, f"{key}|{expires}".encode(), hashlib.sha256).hexdigest()
        return f"/media/{quote(key)}?expires={expires}&signature={signature}"

    def close(self) -> None:
        """Let writers finish."""
        self._executor.shutdown(wait=True)

    def _write(self, key: str, content: bytes) -> None:
        place = self._folder / key
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".incoming-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(place)
        finally:
            Path(temporary).unlink(missing_ok=True)
