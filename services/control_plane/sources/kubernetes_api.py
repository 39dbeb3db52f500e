"""As much of the Kubernetes API as it takes to follow one collection: a list, and a watch from where the list ended.

The token and the authority are read for every connection, so that rotated ones are used without a word: a connection
lasts minutes, and an account's token an hour.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

Object = dict[str, Any]

_PAGE = 500
_CONNECT_SECONDS = 5.0
_LIST_SECONDS = 30.0
# A watch that the server was asked to end and did not is dead.
_GRACE_SECONDS = 15.0
# A slice has up to 1,000 endpoints of some 500 bytes each.
_LONGEST_LINE = 16 << 20
_GONE = 410
# Of these the server thinks better by itself: nothing is wrong with what was asked.
_PASSING = frozenset({401, 403, 408, 429})


class ApiError(Exception):
    """The API did not answer, or not usefully; the message says why."""


class Gone(ApiError):
    """From the version that was named nothing can be told any more: a list is the way on."""


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Where the API is, and by what it is known who asks."""

    url: str
    namespace: str
    token_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an object: ADDED, MODIFIED, DELETED, or BOOKMARK for nothing but a newer version."""

    kind: str
    object: Object

    @property
    def version(self) -> str:
        """Return the version of the collection after this."""
        return version_of(self.object)


@dataclass(frozen=True, slots=True)
class Collection:
    """Objects of one kind in one namespace, chosen by their labels."""

    group: str
    resource: str
    selector: str


class KubernetesApi:
    """The API server, asked with the rights of an account."""

    def __init__(self, access: ApiAccess) -> None:
        """Take where it is and who asks."""
        self._access = access

    async def list(self, collection: Collection) -> tuple[list[Object], str]:
        """Return all objects and the version a watch goes on from. Raises ApiError."""
        found: list[Object] = []
        query = {"labelSelector": collection.selector, "limit": str(_PAGE)}
        async with _explained(_LIST_SECONDS), self._session() as session:
            while True:
                async with session.get(self._path(collection), params=query, allow_redirects=False) as answer:
                    await _check(answer)
                    page = orjson.loads(await answer.read())
                found += page.get("items") or []
                more = page["metadata"].get("continue")
                if not more:
                    return found, str(page["metadata"]["resourceVersion"])
                query["continue"] = more

    @asynccontextmanager
    async def watch(self, collection: Collection, version: str, seconds: int) -> AsyncIterator[AsyncIterator[Event]]:
        """Open what happens after a version, for so many seconds. Raises ApiError, Gone when that is too long ago."""
        query = {
            "labelSelector": collection.selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        async with (
            _explained(seconds + _GRACE_SECONDS),
            self._session() as session,
            session.get(self._path(collection), params=query, allow_redirects=False) as answer,
        ):
            await _check(answer)
            yield _events(answer)

    def _path(self, collection: Collection) -> str:
        place = f"apis/{collection.group}/namespaces/{self._access.namespace}/{collection.resource}"
        return f"{self._access.url.rstrip('/')}/{place}"

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        headers, trusted = await asyncio.to_thread(self._shown)
        connector = aiohttp.TCPConnector(ssl=trusted if trusted is not None else True)
        # How long all of it may take is said from outside: a watch is silent for as long as nothing happens.
        patience = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=patience) as session:
            yield session

    def _shown(self) -> tuple[Mapping[str, str], ssl.SSLContext | None]:
        """Return what shows who asks, and whom to believe. A token is shown to nobody who does not prove who he is."""
        headers = {"Accept": "application/json", "User-Agent": "aisle-control-plane"}
        if not self._access.url.startswith("https://"):
            return headers, None
        if self._access.token_file is not None:
            headers["Authorization"] = f"Bearer {self._access.token_file.read_text('ascii').strip()}"
        authority = str(self._access.ca_file) if self._access.ca_file is not None else None
        return headers, ssl.create_default_context(cafile=authority)


def version_of(found: Object) -> str:
    """Return an object's version."""
    return str(found["metadata"]["resourceVersion"])


def name_of(found: Object) -> str:
    """Return an object's name."""
    return str(found["metadata"]["name"])


@asynccontextmanager
async def _explained(seconds: float) -> AsyncIterator[None]:
    """Limit the time, and tell what may go wrong on the way as one kind of error."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as late:
        raise ApiError("no answer in time") from late
    except (aiohttp.ClientError, OSError) as broken:
        raise ApiError(f"{type(broken).__name__}: {broken}") from broken
    except (ValueError, KeyError, TypeError, AttributeError) as odd:
        # ValueError is also what a token with a stray character in it raises; its text may hold the token.
        raise ApiError(f"not an answer of the API ({type(odd).__name__})") from odd


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status == 200:
        return
    try:
        status = orjson.loads(await answer.read())
    except ValueError:
        status = {}
    raise _refused(answer.status, status if isinstance(status, dict) else {})


def _refused(code: int, status: Object) -> ApiError:
    """Return what a refusal means: whether to ask the same again, or from the beginning."""
    reason = f"{code} {status.get('reason') or ''}: {status.get('message') or 'no reason given'}"
    causes = (status.get("details") or {}).get("causes") or []
    # A server that lost what others know is behind the version that was named, perhaps for ever.
    behind = any(cause.get("reason") == "ResourceVersionTooLarge" for cause in causes)
    if code == _GONE or behind or (400 <= code < 500 and code not in _PASSING):
        return Gone(reason)
    return ApiError(reason)


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """Yield what happens, line by line, until the server ends. What was cut in the middle of a line did not happen."""
    rest = b""
    async for piece in answer.content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield _event(orjson.loads(line))
        if len(rest) > _LONGEST_LINE:
            raise ApiError(f"an event of more than {_LONGEST_LINE} bytes")


def _event(said: Object) -> Event:
    kind, found = said["type"], said["object"]
    if kind == "ERROR":
        raise _refused(int(found.get("code") or 500), found)
    if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
        raise ApiError(f"an event of an unknown kind, {kind!r}")
    event = Event(kind, found)
    # Both have to be there before anything is believed.
    if not event.version or (kind != "BOOKMARK" and not name_of(found)):
        raise ApiError("an event without a name or a version")
    return event
