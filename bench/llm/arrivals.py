"""An open loop that costs little: requests at a rate over kept connections, without an event loop of tasks.

Two cores are not many: a load that takes as much of them as what it measures measures itself. This one takes a few
hundredths of a millisecond a request. `python -m bench.llm.arrivals` reads what to do as JSON from its input and writes
what became of it as JSON to its output.
"""

import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

_READ = 1 << 16
# As a proxy before the service keeps: whoever finds none free waits for one, and the wait counts.
_CONNECTIONS = 512
# Asked of every gateway, with a number: none is asked twice.
QUESTION = "Question {0}: what goes with a teapot of this kind, and does it keep warm in winter? " * 3
_NUMBER = "%" * 11


@dataclass(frozen=True, slots=True)
class Plan:
    """What arrives: how many a second of each kind, where, and for how long."""

    port: int
    authorization: str
    # Requests a second, and what their bodies have beside the question.
    kinds: Sequence[tuple[float, dict[str, object]]]
    seconds: float
    # Seconds at the beginning that are not counted.
    warm: float = 0.0
    patience: float = 2.0
    # Read this instead of asking a model.
    path: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of one kind, in seconds from when a request should have been sent."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    unanswered: int = 0
    # How late requests were sent.
    late: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    kind: int = 0
    due: float = 0.0
    received: bytearray = field(default_factory=bytearray)


class _Arrivals:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._outcomes = [Outcome() for _ in plan.kinds]
        self._poll = select.epoll()
        self._busy: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._counts_from = 0.0
        self._number = time.time_ns() // 1_000_000
        self._parts = [self._request(also) for _, also in plan.kinds]

    def run(self) -> list[Outcome]:
        due = sorted(
            (number / rate, kind)
            for kind, (rate, _) in enumerate(self._plan.kinds)
            for number in range(int(rate * (self._plan.warm + self._plan.seconds)))
        )
        self._idle.extend(self._connect() for _ in range(_CONNECTIONS))
        waiting, began = deque(due), time.perf_counter()
        self._counts_from = began + self._plan.warm
        end = self._counts_from + self._plan.seconds + self._plan.patience
        while (waiting or self._busy) and (now := time.perf_counter()) < end:
            while waiting and self._idle and began + waiting[0][0] <= now:
                at, kind = waiting.popleft()
                self._send(kind, began + at)
            pause = began + waiting[0][0] - time.perf_counter() if waiting and self._idle else 0.05
            for number, _ in self._poll.poll(max(0.0, pause)):
                self._receive(self._busy[number])
        for connection in self._busy.values():
            self._of(connection).unanswered += 1
        for _, kind in waiting:
            self._outcomes[kind].unanswered += 1
        return self._outcomes

    def _of(self, connection: _Connection) -> Outcome:
        """Return where a request is counted; what was due before anything counts is forgotten."""
        return self._outcomes[connection.kind] if connection.due >= self._counts_from else Outcome()

    def _request(self, also: dict[str, object]) -> tuple[bytes, bytes]:
        if self._plan.path:
            return f"GET {self._plan.path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode(), b""
        # The same question as the one that capacity is measured by: numbers of many digits would be looked at as cards.
        text = QUESTION.format(_NUMBER)
        asked = {
            "model": "mock",
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 300,
            "temperature": 0,
            **also,
        }
        body = json.dumps(asked).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: {self._plan.authorization}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode(), body

    def _send(self, kind: int, due: float) -> None:
        connection = self._idle.pop()
        head, body = self._parts[kind]
        self._number += 1
        connection.kind, connection.due = kind, due
        connection.received.clear()
        self._busy[connection.socket.fileno()] = connection
        self._of(connection).late.append(time.perf_counter() - due)
        connection.socket.sendall(head + body.replace(_NUMBER.encode(), b"%011x" % self._number))

    def _connect(self) -> _Connection:
        made = socket.create_connection(("127.0.0.1", self._plan.port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(made.fileno(), select.EPOLLIN)
        return _Connection(made)

    def _instead_of(self, connection: _Connection) -> _Connection:
        self._poll.unregister(connection.socket.fileno())
        del self._busy[connection.socket.fileno()]
        connection.socket.close()
        return self._connect()

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(_READ)
        except ConnectionResetError:
            data = b""
        connection.received += data
        if not data:
            self._of(connection).unanswered += 1
            self._idle.append(self._instead_of(connection))
        elif _is_whole(connection.received):
            # Whoever refuses before the body has come hangs up afterwards.
            if b"\r\nconnection: close\r\n" in connection.received:
                self._idle.append(self._instead_of(connection))
            else:
                del self._busy[connection.socket.fileno()]
                self._idle.append(connection)
            outcome, took = self._of(connection), time.perf_counter() - connection.due
            (outcome.answered if connection.received.startswith(b"HTTP/1.1 200") else outcome.refused).append(took)


def _is_whole(received: bytearray) -> bool:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = received.lower().find(b"content-length:", 0, end)
    return len(received) >= end + 4 + int(received[at + 15 : received.find(b"\r", at)])


if __name__ == "__main__":
    print(json.dumps([asdict(outcome) for outcome in _Arrivals(Plan(**json.load(sys.stdin))).run()]))
