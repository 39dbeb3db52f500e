"""Keeps the stack's ports from being handed out to outgoing connections.

Several of our ports lie where systems pick the local ports of outgoing connections. A connection that happens to sit on
one keeps a process from (re)starting. A socket that is bound but never listens makes the kernel pass the port over, and
still lets the process that it is meant for listen there.
"""

import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def reserved(numbers: Iterable[int]) -> Iterator[None]:
    """Hold the ports on loopback while the block runs. Raises OSError when one is taken."""
    with ExitStack() as held:
        for number in numbers:
            holder = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            # Without this on both sides, the process itself could not bind the port.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", number))
        yield
