"""Runs a program of an image as a cluster would: an unprivileged number, a root that cannot be written, no capability.

Namespaces of this machine do what an engine does: the image's root is mounted over itself without the right to write,
with a fresh /tmp, /proc and /dev, and the program is started in it. The network is the machine's, for the stores.
"""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

NUMBER = 10001
# In a namespace of its own, so nothing stays mounted when the program has gone. Each step replaces the one before: the
# program is the first process of its namespace, as in a container.
_ENTER = """
set -e
mount --bind "$ROOT" "$ROOT"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for device in null zero random urandom; do
  touch "$ROOT/dev/$device"
  mount --bind "/dev/$device" "$ROOT/dev/$device"
done
for folder in $WRITABLE; do
  mount -t tmpfs -o "mode=700,uid=$NUMBER,gid=$NUMBER" tmpfs "$ROOT$folder"
done
mount -o remount,ro,bind "$ROOT"
exec chroot "$ROOT" setpriv --reuid="$NUMBER" --regid="$NUMBER" --clear-groups --inh-caps=-all --bounding-set=-all \\
  --no-new-privs env -i -C /tmp "$@"
"""


@dataclass(frozen=True, slots=True)
class Contained:
    """An image's root, what its programs are told, and the folders a volume would be laid over."""

    root: Path
    environment: Mapping[str, str]
    writable: Sequence[str] = field(default=())

    def told(self, environment: Mapping[str, str]) -> "Contained":
        """Return the same with further variables."""
        return Contained(self.root, {**self.environment, **environment}, self.writable)

    def ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end."""
        return subprocess.run(self._command(arguments), check=False, capture_output=True, text=True, timeout=120)

    @contextmanager
    def running(self, *arguments: str, log: Path, stop: signal.Signals = signal.SIGTERM) -> Iterator["Running"]:
        """Run a program while the block runs, then stop it as its image asks for."""
        with log.open("w") as said:
            outer = subprocess.Popen(self._command(arguments), stdout=said, stderr=subprocess.STDOUT)
        found = Running(outer, log)
        try:
            yield found
        finally:
            found.stop(stop)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        variables = [f"{key}={value}" for key, value in self.environment.items()]
        told = ["env", f"ROOT={self.root}", f"NUMBER={NUMBER}", f"WRITABLE={' '.join(self.writable)}"]
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*told, *apart, "sh", "-c", _ENTER, "sh", *variables, *arguments]


class Running:
    """A program that was started."""

    def __init__(self, outer: "subprocess.Popen[bytes]", log: Path) -> None:
        """Take the process that stands around it, and the file of what it says."""
        self._outer, self._log = outer, log

    @property
    def inner(self) -> psutil.Process:
        """The program itself."""
        return psutil.Process(self._outer.pid).children()[0]

    def said(self) -> str:
        """Return everything it has said."""
        return self._log.read_text(errors="replace")

    def ended(self) -> bool:
        """Return whether it has ended by itself."""
        return self._outer.poll() is not None

    def stop(self, how: signal.Signals) -> int:
        """Ask it to stop, and return the code it ended with."""
        if not self.ended():
            self.inner.send_signal(how)
        try:
            return self._outer.wait(30)
        except subprocess.TimeoutExpired:
            self._outer.kill()
            return self._outer.wait()
