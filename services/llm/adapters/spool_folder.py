"""A process's own subfolder of the spool, locked while the process lives, and the folders of those that died.

Whoever holds the lock of a folder owns its segments. The kernel gives a lock back when its process ends, however it
ends, so a folder whose lock can be taken is an orphan, and exactly one process adopts it.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".usage"
_LOCK = "lock"


class SpoolFolder:
    """A folder whose lock is ours."""

    def __init__(self, path: Path, lock: int) -> None:
        """Take the folder and the descriptor that holds its lock; `new` and `orphans` make these."""
        self.path = path
        self._lock = lock

    @classmethod
    def new(cls, spool: Path) -> "SpoolFolder":
        """Make a folder of our own. Nobody else can own it, so a lock that is taken is an adopter's mistake in time."""
        while True:
            path = spool / str(uuid.uuid4())
            path.mkdir(parents=True, mode=0o700)
            lock = _locked(path)
            if lock is not None:
                return cls(path, lock)

    @classmethod
    def orphans(cls, spool: Path) -> Iterator["SpoolFolder"]:
        """Yield the folders of processes that died; they are ours from now on."""
        for path in sorted(spool.iterdir(), key=_age):
            if path.is_dir() and (lock := _locked(path)) is not None:
                yield cls(path, lock)

    def segments(self) -> list[Path]:
        """Return the segments, oldest first."""
        return sorted(self.path.glob(f"*{SUFFIX}"))

    def leave(self) -> None:
        """Give the folder up; an empty one is removed, anything in it is adopted by another process."""
        if not self.segments():
            (self.path / _LOCK).unlink(missing_ok=True)
            self._remove_empty()
        os.close(self._lock)

    def _remove_empty(self) -> None:
        try:
            self.path.rmdir()
        except OSError:
            # Something else lies in it: not ours to remove.
            return


def _locked(path: Path) -> int | None:
    """Return a descriptor that holds the folder's lock, None when another process does or the folder is gone."""
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its owner may have removed it between our opening and locking it.
        if os.fstat(lock).st_nlink:
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except OSError:
        return 0.0, path.name
