"""A cloud of one process: moto's S3, Secrets Manager, CloudWatch and Logs behind one address, with faults in front."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any
from urllib.request import Request, urlopen

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

# Where a pod with a role asks for its credentials.
POD_IDENTITY = "/v1/credentials"
REGION = "eu-central-1"
KEY_ID, SECRET_KEY = "AKIAONLYFORTESTS0000", "only-for-tests-never-shown"
Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def signed_for(self) -> str:
        """Return the region in the signature's scope."""
        return self.headers["AUTHORIZATION"].split("Credential=")[1].split("/")[2]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is answered instead of the cloud's own answer."""

    status: str
    code: str
    headers: tuple[tuple[str, str], ...] = ()

    def body(self) -> bytes:
        return f"<Error><Code>{self.code}</Code><Message>As the test wants it.</Message></Error>".encode()


@dataclass
class Front:
    """Stands before moto: keeps what is asked, and answers the next requests itself when it is told to."""

    inner: Callable[[Environ, StartResponse], Iterable[bytes]]
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    role: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/moto-api/"):
            return self.inner(environ, start)
        if environ["PATH_INFO"] == POD_IDENTITY:
            start("200 OK" if self.role else "500 Internal Server Error", [("Content-Type", "application/json")])
            return [json.dumps(self.role).encode()]
        headers = {name[5:].replace("_", "-"): str(value) for name, value in environ.items() if name[:5] == "HTTP_"}
        with self._lock:
            self.seen.append(Seen(environ["REQUEST_METHOD"], environ["PATH_INFO"], headers))
            fault = self.faults.pop(0) if self.faults else None
        if fault is None:
            return self.inner(environ, start)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(fault.status, [("Content-Type", "application/xml"), *fault.headers])
        return [fault.body()]


class QuietHandler(WSGIRequestHandler):
    """Writes no line for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


class Cloud:
    """The server in a thread of its own."""

    def __init__(self) -> None:
        self.front = Front(DomainDispatcherApplication(create_backend_app))
        self._server = make_server("127.0.0.1", 0, self.front, threaded=True, request_handler=QuietHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)

    def reset(self) -> None:
        """Forget everything that was made, asked and planned; let everybody do everything."""
        self._command("reset")
        self.enforce_rights(False)
        self.front.seen.clear()
        self.front.faults.clear()

    def enforce_rights(self, enforced: bool) -> None:
        """Hold each request against the policies of who asks, or let all pass."""
        self._command("reset-auth", b"0" if enforced else b"inf")

    def _command(self, name: str, body: bytes = b"") -> None:
        plain = {"Content-Type": "text/plain"}
        with urlopen(Request(f"{self.url}/moto-api/{name}", body, plain, method="POST"), timeout=10):
            pass
