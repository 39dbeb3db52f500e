"""The records of calls on this machine's disk, until analytics has them.

`record` hands the bytes to the kernel before it returns: one append of about 250 bytes, which takes a microsecond. A
use case records a call before it says that the answer has ended, so of whatever a client was told the end, the record
survives the death of the process, however it dies. Bytes the kernel has are lost only with the machine itself.

A segment is written by one process and read by nobody until it is closed. What no longer fits, or cannot be written, is
counted and told: records are lost only where the metric and the log say so.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from opentelemetry.metrics import CallbackOptions, Observation

from services.llm.adapters.genai_names import SPOOL_BYTES, USAGE_LOST, USAGE_REFUSED, WHY
from services.llm.adapters.spool_folder import SUFFIX, SpoolFolder
from services.llm.adapters.usage_to_frame import bodies, frame_of, framed
from services.llm.domain.usage import UsageRecord
from services.runtime import telemetry
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.llm.spool")

# Frames kept in memory while the disk takes none.
_MEMORY_FRAMES = 10_000
_ADOPT_SECONDS = 5.0
_TELL_SECONDS = 60.0
# The log says that the spool fills up at half of what it may hold.
_ALARM_SHARE = 0.5


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("SPOOL_UNAVAILABLE", "The spool of usage records cannot be read at the moment.") from error


class SpoolLedger:
    """A `UsageLedger` and the `UsageSpool` it fills. Use as a context manager; belongs to one event loop."""

    def __init__(
        self,
        spool: Path,
        max_bytes: int = 256 << 20,
        segment_bytes: int = 256 << 10,
        segment_seconds: float = 1.0,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the folder all processes share, what ours may hold there, and when a segment is closed."""
        self._spool = spool
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._now_ns = now_ns
        self._clock = clock
        self._folder: SpoolFolder | None = None
        self._adopted: list[SpoolFolder] = []
        self._adopt_at = 0.0
        self._file = -1
        self._written = 0
        self._opened_at = 0.0
        self._count = 0
        # Bytes in closed segments, adopted ones included.
        self._kept = 0
        self._memory: deque[bytes] = deque()
        self._told_at = -_TELL_SECONDS
        self._alarmed = False
        self._lost = telemetry.meter.create_counter(USAGE_LOST, description="Usage records that were lost.")
        self._refused = telemetry.meter.create_counter(USAGE_REFUSED, description="Usage records analytics refused.")
        telemetry.meter.create_observable_gauge(
            SPOOL_BYTES, [self._observe], unit="By", description="Usage records not delivered yet."
        )

    def __enter__(self) -> Self:
        """Make our folder; what dead processes left is found by the next `closed`."""
        self._folder = SpoolFolder.new(self._spool)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is written to and give the folders up; what is left is adopted by another process."""
        self.seal()
        for folder in (self._folder, *self._adopted):
            if folder is not None:
                folder.leave()
        self._folder = None
        self._adopted = []

    def record(self, record: UsageRecord) -> None:
        """Append one record; when this returns the kernel has it."""
        if self._folder is None:
            self._lose("closed")
            return
        try:
            frame = framed(record, self._now_ns())
        except (ValueError, TypeError):
            self._lose("not a record")
            return
        if self._kept + self._written + len(frame) > self._max_bytes:
            # What is oldest is kept: it was promised first.
            self._lose("full")
            return
        if self._memory:
            self._remember(frame)
            self._write_memory()
        elif not self._write(frame):
            self._remember(frame)

    def closed(self) -> Sequence[str]:
        """Return the segments nobody writes to any more, those of dead processes first. Raises Unavailable."""
        self._write_memory()
        if self._written and self._clock() - self._opened_at >= self._segment_seconds:
            self._close()
        with _translated():
            self._adopt()
            self._alarm()
            ours = self._folder.segments() if self._folder else []
            if self._file >= 0:
                ours = ours[:-1]
            return [str(path) for folder in self._adopted for path in folder.segments()] + [str(path) for path in ours]

    def read(self, segment: str) -> Sequence[bytes]:
        """Return the messages of a segment. Raises Unavailable."""
        with _translated():
            return list(bodies(Path(segment).read_bytes()))

    def remove(self, segment: str) -> None:
        """Remove a segment, and the folder of a dead process with its last one. Raises Unavailable."""
        path = Path(segment)
        with _translated():
            self._kept -= path.stat().st_size
            path.unlink()
            for folder in [folder for folder in self._adopted if folder.path == path.parent and not folder.segments()]:
                folder.leave()
                self._adopted.remove(folder)

    def set_aside(self, record: bytes) -> None:
        """Append a record to the file `refused` in the spool. Raises Unavailable."""
        with _translated(), (self._spool / "refused").open("ab") as file:
            file.write(frame_of(record))
        self._refused.add(1)
        log.error("analytics refuses a usage record; it is kept in the file `refused` of the spool")

    def seal(self) -> None:
        """Close what is written to."""
        self._write_memory()
        for _ in range(len(self._memory)):
            self._memory.popleft()
            self._lose("disk")
        self._close()

    def _write(self, frame: bytes) -> bool:
        """Append a frame to the segment. Returns False, and leaves the segment as it was, when the disk takes none."""
        try:
            if self._file < 0:
                self._open()
            if os.write(self._file, frame) == len(frame):
                self._written += len(frame)
                if self._written >= self._segment_bytes:
                    self._close()
                return True
            # A part of a frame is no frame; the ones after it must not follow it.
            os.ftruncate(self._file, self._written)
        except OSError as error:
            self._tell("the spool takes no usage records; they are kept in memory", {"errno": error.errno})
        return False

    def _open(self) -> None:
        assert self._folder is not None, "use the ledger as a context manager"
        self._count += 1
        path = self._folder.path / f"{self._count:012d}{SUFFIX}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._opened_at = self._clock()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._kept += self._written
            self._written = 0

    def _remember(self, frame: bytes) -> None:
        if len(self._memory) < _MEMORY_FRAMES:
            self._memory.append(frame)
        else:
            self._lose("disk")

    def _write_memory(self) -> None:
        while self._memory and self._write(self._memory[0]):
            self._memory.popleft()

    def _adopt(self) -> None:
        """Look for folders of dead processes now and then."""
        if self._clock() < self._adopt_at:
            return
        self._adopt_at = self._clock() + _ADOPT_SECONDS
        for folder in SpoolFolder.orphans(self._spool):
            if segments := folder.segments():
                log.info("adopting usage records of a process that died", extra={"data": {"folder": folder.path.name}})
                self._adopted.append(folder)
                self._kept += sum(path.stat().st_size for path in segments)
            else:
                folder.leave()

    def _lose(self, why: str) -> None:
        self._lost.add(1, {WHY: why})
        self._tell("usage records are lost", {"why": why})

    def _tell(self, message: str, data: dict[str, object]) -> None:
        """Log an error, at most once a minute."""
        if self._clock() - self._told_at >= _TELL_SECONDS:
            self._told_at = self._clock()
            log.error(message, extra={"data": data})

    def _alarm(self) -> None:
        held = self._kept + self._written
        if held > self._max_bytes * _ALARM_SHARE and not self._alarmed:
            log.error("the spool of usage records fills up", extra={"data": {"bytes": held, "most": self._max_bytes}})
        self._alarmed = held > self._max_bytes * _ALARM_SHARE

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._kept + self._written)]
