"""An API server that keeps EndpointSlices: lists in pages, watches from a version, forgets, and fails as it is told."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

NAMESPACE = "shop"
PATH = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
SELECTED = "aisle.dev/service"


@dataclass(eq=False)
class _Watch:
    """An open watch: lines that are to be sent; None ends it."""

    transport: asyncio.BaseTransport | None
    lines: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)


class FakeKubernetes:
    """Keeps the rules a client may lean on, and is otherwise as unreliable as a test wants."""

    def __init__(self, trusted: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.shown: list[str] = []
        # Tokens that are good; without any, everybody is let in.
        self.tokens: set[str] = set()
        # Statuses that the next requests are answered with.
        self.failures: list[int] = []
        # Whether a version that is too old is told by a status or by the first event.
        self.tells_gone_by_event = False
        self._ssl = trusted
        self._objects: dict[str, dict[str, Any]] = {}
        self._version = 1
        self._history: list[tuple[int, str, dict[str, Any]]] = []
        self._oldest = 1
        self._watches: set[_Watch] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}"

    @property
    def kept(self) -> Mapping[str, dict[str, Any]]:
        """The truth."""
        return self._objects

    async def start(self) -> None:
        """Listen, on the port it always had."""
        app = web.Application()
        app.router.add_get(PATH, self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._ssl, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be away; what it keeps, it keeps."""
        self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def put(self, found: Mapping[str, Any]) -> None:
        """Take an object, new or changed; one that is no longer chosen by its labels is gone for those who watch."""
        made = json.loads(json.dumps(found))
        name = made["metadata"]["name"]
        known = name in self._objects
        self._version += 1
        made["metadata"]["resourceVersion"] = str(self._version)
        if SELECTED not in made["metadata"].get("labels", {}):
            if known:
                self._happened("DELETED", {**self._objects.pop(name), "metadata": made["metadata"]})
            return
        self._objects[name] = made
        self._happened("MODIFIED" if known else "ADDED", made)

    def delete(self, name: str) -> None:
        """Let go of an object."""
        if name in self._objects:
            self._version += 1
            gone = self._objects.pop(name)
            gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
            self._happened("DELETED", gone)

    def pass_by(self) -> None:
        """Let a change happen that nobody who watches has chosen, and tell the new version by a bookmark."""
        self._version += 1
        self._tell("BOOKMARK", {"kind": "EndpointSlice", "metadata": {"resourceVersion": str(self._version)}})

    def forget(self) -> None:
        """Forget what happened before now: who watches from an earlier version is told that it is gone."""
        self._history.clear()
        self._oldest = self._version

    def cut(self) -> None:
        """Cut all watches in the middle of what they say."""
        for watch in self._watches:
            if watch.transport is not None:
                watch.transport.abort()  # type: ignore[attr-defined]
            watch.lines.put_nowait(None)

    def cut_within_a_line(self) -> None:
        """Send the first half of an event that never came to be, and cut."""
        for watch in self._watches:
            watch.lines.put_nowait(b'{"type":"DELETED","object":{"metadata":{"name":"')
            watch.lines.put_nowait(None)

    def fail_watches(self, code: int) -> None:
        """End all watches by an error."""
        status = {"kind": "Status", "code": code, "reason": "Expired" if code == 410 else "InternalError"}
        for watch in self._watches:
            watch.lines.put_nowait(_line("ERROR", status))
            watch.lines.put_nowait(None)

    def say(self, line: bytes) -> None:
        """Say something on all watches that no API server would."""
        for watch in self._watches:
            watch.lines.put_nowait(line + b"\n")

    def end_watches(self) -> None:
        """End all watches as a server does when their time is over."""
        for watch in self._watches:
            watch.lines.put_nowait(None)

    @property
    def watched(self) -> int:
        return len(self._watches)

    def _happened(self, kind: str, found: dict[str, Any]) -> None:
        self._history.append((self._version, kind, found))
        self._tell(kind, found)

    def _tell(self, kind: str, found: dict[str, Any]) -> None:
        for watch in self._watches:
            watch.lines.put_nowait(_line(kind, found))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        watching = request.query.get("watch") == "true"
        self.asked.append("watch" if watching else "list")
        self.shown.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if self.failures:
            return _status(self.failures.pop(0), "as told")
        if self.tokens and self.shown[-1] not in self.tokens:
            return _status(401, "Unauthorized")
        if request.query.get("labelSelector") != SELECTED:
            return _status(400, "not the selector of ours")
        return await self._watch(request) if watching else self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        names = sorted(self._objects)
        start, size = int(request.query.get("continue", "0")), min(int(request.query["limit"]), 2)
        metadata: dict[str, Any] = {"resourceVersion": str(self._version)}
        if start + size < len(names):
            metadata["continue"] = str(start + size)
        items = [self._objects[name] for name in names[start : start + size]]
        return web.json_response({"kind": "EndpointSliceList", "metadata": metadata, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        version = int(request.query["resourceVersion"])
        gone = version < self._oldest
        if gone and not self.tells_gone_by_event:
            return _status(410, "too old resource version")
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        watch = _Watch(request.transport)
        for at, kind, found in self._history:
            if at > version:
                watch.lines.put_nowait(_line(kind, found))
        if gone:
            watch.lines.put_nowait(_line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"}))
            watch.lines.put_nowait(None)
        self._watches.add(watch)
        try:
            await answer.prepare(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                    while (line := await watch.lines.get()) is not None:
                        await answer.write(line)
        except ConnectionError:
            pass
        finally:
            self._watches.discard(watch)
        return answer


def _line(kind: str, found: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": "AsTold", "message": message}, status=code)


def a_slice(
    name: str,
    service: str = "product",
    endpoints: Mapping[str, Mapping[str, bool]] | None = None,
    *,
    version: str = "",
    zone: str = "",
    port: int = 50051,
    port_name: str = "grpc",
    family: str = "IPv4",
) -> dict[str, Any]:
    """Return a slice as Kubernetes writes them: conditions by address."""
    labels = {SELECTED: service, "kubernetes.io/service-name": f"{service}-svc"}
    if version:
        labels["aisle.dev/version"] = version
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "addressType": family,
        "endpoints": [
            {"addresses": [address], "conditions": dict(said), **({"zone": zone} if zone else {}), "nodeName": "n1"}
            for address, said in (endpoints or {}).items()
        ],
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
    }


READY = {"ready": True, "serving": True, "terminating": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}
STARTING = {"ready": False, "serving": False, "terminating": False}
GONE_SOON = {"ready": False, "serving": False, "terminating": True}
