"""The application behind /v1: who asks, what they want, and the answer, spoken in ASGI without a framework between."""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace

from services.llm.application.complete_text import CompleteText
from services.llm.application.embed_texts import EmbeddedTexts, EmbedTexts
from services.llm.application.generate_text import GenerateText
from services.llm.application.list_models import ListModels
from services.llm.application.ports import ApiKeys
from services.llm.domain import budget
from services.llm.domain.admission import Admission
from services.llm.domain.api_key import KeyHolder
from services.llm.domain.generation import Priority
from services.llm.servicer.openai_api import errors, replies
from services.llm.servicer.openai_api.fields import Bad, Fields
from services.llm.servicer.openai_api.requests import completion_of, model_name, shown_of, user_of
from services.llm.servicer.openai_api.streaming import EventStream, Left, while_there
from services.runtime import telemetry
from services.runtime.errors import AisleError, Unauthenticated
from services.runtime.interceptors import Call, Caller, current_call

log = logging.getLogger("aisle.http")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_COMPLETIONS = "/v1/chat/completions"
_TEXTS_A_CALL = 256
# Clients of this protocol say no deadline; whoever waits longer than this has long given up.
_LONGEST_SECONDS = 300.0
# What is logged for a request whose client hung up before there was an answer, as nginx does.
_HUNG_UP = 499
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)


class _Clock:
    """Stands where a gRPC call has its context: calls that go out inherit what is left of the time."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + _LONGEST_SECONDS

    def time_remaining(self) -> float:
        return self._ends - time.monotonic()


@dataclass(frozen=True, slots=True)
class UseCases:
    """What can be asked for here."""

    generate: GenerateText
    complete: CompleteText
    embed: EmbedTexts
    list_models: ListModels


@dataclass(slots=True)
class _Request:
    """One request on its way."""

    scope: Scope
    receive: Receive
    send: Send
    request_id: str
    headers: Mapping[bytes, bytes]
    leaving: bool = False
    status: int = 0
    # Who asked, by the name of their key; and how it ended, when it did not end well.
    caller: str = ""
    problem: str = ""
    # What was sent, once it was read.
    raw: bytes | None = None

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer in one piece."""
        await self.start(status, b"application/json", {"content-length": str(len(body)), **(headers or {})})
        await self.send({"type": "http.response.body", "body": body})

    async def start(self, status: int, kind: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send status and headers."""
        self.status = status
        own = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        fixed = [(b"content-type", kind), (b"x-request-id", self.request_id.encode()), *_HEADERS]
        if self.leaving:
            fixed.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": status, "headers": [*fixed, *own]})


class OpenAIApi:
    """Answers /v1."""

    def __init__(self, use_cases: UseCases, keys: ApiKeys, admission: Admission, max_body_bytes: int) -> None:
        """Take the use cases, the keys that are known, who lets calls in, and the bytes a body may have."""
        self._do = use_cases
        self._keys = keys
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        self._leaving = False

    def leave(self) -> None:
        """Say from now on that nothing more should be sent here."""
        self._leaving = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        request = _Request(scope, receive, send, request_id, headers, self._leaving)
        if scope["path"] == "/healthz":
            told = (503, b'{"status":"leaving"}') if self._leaving else (200, b'{"status":"ok"}')
            await request.answer(*told)
            return
        if self._admission.crowded and await self._is_turned_away(request):
            return
        started = time.perf_counter()
        with self._within(request):
            try:
                await self._answered(request)
            finally:
                _observe(request, time.perf_counter() - started)

    async def _is_turned_away(self, request: _Request) -> bool:
        """Say no to a completion before it costs anything: no span, no line in the log, nothing read but who asks."""
        if request.scope["path"] != _COMPLETIONS or request.scope["method"] != "POST":
            return False
        try:
            holder = self._holder(request)
            body = orjson.loads(await self._read(request))
            extra = body.get("aisle") or {}
            patient = extra.get("priority") == "batch"
            user = user_of(holder, body.get("user") or "")
        except (AisleError, Bad, orjson.JSONDecodeError, AttributeError):
            # Whatever is wrong with it is told where it is always told.
            return False
        try:
            self._admission.knock(Priority.BATCH if patient else Priority.INTERACTIVE, user)
        except AisleError as refusal:
            await self._tell(request, *errors.told(refusal))
            return True
        return False

    def _within(self, request: _Request) -> Any:
        """Return the span of the request; calls that go out inherit its id and trace."""
        carrier = {key.decode(): value.decode("latin-1") for key, value in request.headers.items() if key in _TRACE}
        method = f"{request.scope['method']} {request.scope['path'][:200]}"
        context = propagate.extract(carrier) if carrier else otel_context.get_current()
        current_call.set(Call(method, cast(Any, _Clock()), None, carrier, request.request_id, Caller(service="edge")))
        return telemetry.tracer.start_as_current_span(method, context=context, kind=trace.SpanKind.SERVER)

    async def _answered(self, request: _Request) -> None:
        try:
            await self._route(request)
        except Left:
            request.status, request.problem = request.status or _HUNG_UP, "left"
        except (AisleError, Bad) as refusal:
            await self._tell(request, *errors.told(refusal))
        except Exception:  # house: allow any-exception - a bug is answered by a fixed text, and told in the log
            log.exception("request failed", extra={"data": {"request_id": request.request_id}})
            await self._tell(request, 500, errors.unexpected(request.request_id), {})

    async def _tell(self, request: _Request, status: int, told: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Answer with an error; in the middle of a stream it is the last event."""
        request.problem = str(told["error"]["code"])
        if not request.status:
            await request.answer(status, orjson.dumps(told), headers)
            return
        await request.send({"type": "http.response.body", "body": replies.sse(told), "more_body": False})

    async def _route(self, request: _Request) -> None:
        holder = self._holder(request)
        request.caller = holder.name
        method, path = request.scope["method"], request.scope["path"]
        if path == _COMPLETIONS:
            _only(method, "POST")
            await self._complete(request, holder)
        elif path == "/v1/embeddings":
            _only(method, "POST")
            body = await self._body(request)
            made = await while_there(request.receive, self._embedded(body, holder), _LONGEST_SECONDS)
            await request.answer(200, made)
        elif path == "/v1/models" or path.startswith("/v1/models/"):
            _only(method, "GET")
            await request.answer(200, await self._models(path[len("/v1/models/") :]))
        else:
            raise Bad("", "No such address.", 404, "route_not_found")

    def _holder(self, request: _Request) -> KeyHolder:
        scheme, _, secret = request.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Unauthenticated("API_KEY_INVALID", "Send `Authorization: Bearer` and an API key.")
        holder = self._keys.find(secret.strip())
        if holder is None:
            raise Unauthenticated("API_KEY_INVALID", "This API key is not known.")
        return holder

    async def _complete(self, request: _Request, holder: KeyHolder) -> None:
        body = await self._body(request)
        wanted, shown = completion_of(body, holder), shown_of(body)
        if not wanted.stream:
            answer = await while_there(request.receive, self._do.complete(wanted), _LONGEST_SECONDS)
            await request.answer(200, replies.whole(answer, shown))
            return
        chunks = replies.Chunks(replies.last_part(wanted.model), shown)
        stream = EventStream(request.send, lambda: request.start(200, b"text/event-stream"))
        told = stream.relay(self._do.generate(wanted), chunks.of)
        await while_there(request.receive, told, _LONGEST_SECONDS, stream.keep_warm)
        await stream.say(b"", more=False)

    async def _embedded(self, body: Mapping[str, Any], holder: KeyHolder) -> bytes:
        fields = Fields(body)
        scope = budget.Scope(holder.tenant, user=holder.name, api_key=holder.name)
        texts = fields.texts("input", most=2048, longest=100_000, single=True)
        if not texts:
            raise Bad("input", "must have 1 to 2048 texts")
        packed = fields.choice("encoding_format", ("float", "base64"), "float") == "base64"
        dimensions = fields.integer("dimensions", 1, 100_000)
        named = fields.text("model", longest=200) or "auto"
        model = "" if named == "auto" else model_name(named)
        made: list[EmbeddedTexts] = []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            part = await self._do.embed(texts[start : start + _TEXTS_A_CALL], model, scope=scope)
            if dimensions not in (None, part.model.dimension):
                name = replies.last_part(part.model.name)
                raise Bad("dimensions", f"{name} makes vectors of {part.model.dimension} numbers only")
            # The rest must come from the same model, whatever the first choice was.
            model = part.model.name
            made.append(part)
        return replies.embeddings(made, packed)

    async def _models(self, model_id: str) -> bytes:
        listed = replies.model_list(await self._do.list_models())
        if not model_id:
            return orjson.dumps({"object": "list", "data": listed})
        for model in listed:
            if model["id"] == model_id.removeprefix("models/"):
                return orjson.dumps(model)
        raise Bad("model", "There is no such model", 404, "model_not_found")

    async def _body(self, request: _Request) -> Mapping[str, Any]:
        """Return the JSON object of a body. Raises Bad."""
        kind = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json" or request.headers.get(b"content-encoding", b"identity") != b"identity":
            raise Bad("", "Send application/json without compression.", 415, "media_type_unsupported")
        try:
            body = orjson.loads(await self._read(request))
        except orjson.JSONDecodeError:
            raise Bad("", "The body is not JSON.", 400, "request_malformed") from None
        if not isinstance(body, dict):
            raise Bad("", "The body must be a JSON object.", 400, "request_malformed")
        return body

    async def _read(self, request: _Request) -> bytes:
        """Return a body; whoever asks again gets the same. Raises Bad."""
        if request.raw is not None:
            return request.raw
        if int(request.headers.get(b"content-length", b"0")) > self._max_body_bytes:
            raise self._too_large()
        raw = bytearray()
        more = True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise Bad("", "The request broke off.", 400, "request_malformed")
            raw += message.get("body", b"")
            if len(raw) > self._max_body_bytes:
                raise self._too_large()
            more = message.get("more_body", False)
        request.raw = bytes(raw)
        return request.raw

    def _too_large(self) -> Bad:
        return Bad("", f"A body may have {self._max_body_bytes} bytes here.", 413, "body_too_large")


_TRACE = (b"traceparent", b"tracestate")


def _only(method: str, allowed: str) -> None:
    if method != allowed:
        raise Bad("", "This address does not do that.", 405, "method_not_allowed")


def _observe(request: _Request, seconds: float) -> None:
    path = request.scope["path"]
    route = path if path in (_COMPLETIONS, "/v1/embeddings", "/v1/models") else "/v1"
    attributes = {"http.route": route, "http.response.status_code": request.status}
    if request.problem:
        # A stream that failed began with 200: it must not be taken for one that was quick.
        attributes["error.type"] = request.problem
    telemetry.http_duration.record(seconds, attributes)
    data = {
        "method": request.scope["method"],
        "path": path[:200],
        "status": request.status,
        "ms": round(seconds * 1000, 2),
        "caller": request.caller,
        "request_id": request.request_id,
    }
    if request.problem:
        data["problem"] = request.problem
    log.info("http", extra={"data": data})
