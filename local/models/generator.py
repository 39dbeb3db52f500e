"""Writes text with a small instruct model that llama.cpp runs inside this process.

llama.cpp generates on its own threads; each request only needs one of ours to receive the pieces. A piece's receiver
answers whether to go on, which is how a client that leaves stops the work: at the next token, or, while the prompt is
still being read, at the first one. The library also opens a web server of its own that we do not use; it is put on a
socket in a private folder, where nobody can reach it.

Measured on two quiet cores: 50 tokens/s for one answer and 67 for two at once; a prompt is read at 125 tokens/s; two
slots of 4,096 tokens with 8-bit context memory take 253 MB. One thread is on purpose. A second one reads prompts twice
as fast on quiet cores, but llama.cpp's threads wait for each other by spinning: with eight busy processes on two cores
the second thread cost half of the prompt's speed and three quarters of that of two answers at once (21 to 6 tokens/s).
"""

import asyncio
import logging
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp

from local.models.refusals import RefusedError, busy, failed, invalid
from local.models.settings import ModelServerSettings
from local.models.wire import ChatRequest

log = logging.getLogger(__name__)
MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True)
class Delta:
    """A few more characters of the answer."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The answer is complete: why, and what it took."""

    reason: str
    usage: dict[str, int]


Piece = dict[str, Any]
Engine = Callable[[dict[str, Any], Callable[[Piece], bool]], Piece | None]
"""Runs one request to its end, handing each piece to the receiver until that one returns True."""


def load_engine(weights: Path, settings: ModelServerSettings, private: Path) -> Engine:
    """Loads the weights and returns what runs requests on them. Takes half a second."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_parallel = settings.chat_slots
    parameters.n_ctx = settings.chat_context * settings.chat_slots
    parameters.cpuparams.n_threads = settings.chat_threads
    parameters.cpuparams_batch.n_threads = settings.prompt_threads
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    # Only the slots remember prompts: llama.cpp would otherwise put up to 8 GB of old ones aside.
    parameters.cache_ram_mib = 0
    parameters.n_ctx_checkpoints = 0
    parameters.n_batch = 512
    parameters.n_ubatch = 128
    parameters.hostnames = [str(private / "llama.sock")]
    parameters.ui = parameters.endpoint_slots = False
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    engine: Engine = server.handle_chat_completions
    return engine


class Generator:
    """Answers chat requests, a few at a time; the others wait their turn, and past a limit they are refused."""

    def __init__(self, engine: Engine, slots: int, waiting: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="chat")
        self._limit = slots + waiting
        self._admitted = 0

    async def answer(self, request: ChatRequest) -> AsyncGenerator[Delta | Finished, None]:
        """The answer as it is written; abandoning the iterator stops the writing."""
        if self.free_places() <= 0:
            raise busy(MODEL)
        run = _Run(asyncio.get_running_loop())
        self._admitted += 1
        try:
            done = self._threads.submit(run.work, self._engine, _engine_request(request))
            done.add_done_callback(lambda ended: run.release(ended, self._leave))
        except RuntimeError:
            self._leave()
            raise
        try:
            async for piece in run.pieces():
                yield piece
        finally:
            run.left.set()
            done.cancel()

    def free_places(self) -> int:
        """How many more requests would be taken in right now."""
        return self._limit - self._admitted

    def _leave(self) -> None:
        self._admitted -= 1

    def close(self) -> None:
        """Lets nothing new in and waits for what is running."""
        self._threads.shutdown(cancel_futures=True)


class _Run:
    """One request on its way through a thread: pieces come out, and the wish to stop goes in."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.left = threading.Event()
        self._loop = loop
        # Not bounded: an answer has at most as many pieces as the context has tokens.
        self._queue: asyncio.Queue[Piece | None] = asyncio.Queue()

    def work(self, engine: Engine, request: dict[str, Any]) -> None:
        """Runs the request on the calling thread."""
        refusal = None if self.left.is_set() else engine(request, self._receive)
        if refusal is not None:
            self._receive(refusal)

    def release(self, ended: Future[None], leave: Callable[[], None]) -> None:
        """Ends the pieces and gives the place free, on the event loop's thread."""
        if not ended.cancelled() and (error := ended.exception()) is not None:
            log.error("generation broke", exc_info=error)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(leave)
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    def _receive(self, piece: Piece) -> bool:
        if not self.left.is_set():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, piece)
        return self.left.is_set()

    async def pieces(self) -> AsyncIterator[Delta | Finished]:
        """What the thread sends, in our words."""
        reason, usage = None, dict[str, int]()
        while (piece := await self._queue.get()) is not None:
            if "error" in piece:
                raise _refusal(piece["error"])
            for choice in piece.get("choices", []):
                if text := choice.get("delta", {}).get("content"):
                    yield Delta(text)
                reason = choice.get("finish_reason") or reason
            if counted := piece.get("usage"):
                usage = {name: counted[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
        if reason is None:
            raise failed("The model stopped without finishing its answer.")
        yield Finished(reason, usage)


def _engine_request(request: ChatRequest) -> dict[str, Any]:
    roles = {"developer": "system"}
    wanted: dict[str, Any] = {
        "messages": [{"role": roles.get(m.role, m.role), "content": m.plain()} for m in request.messages],
        "max_tokens": request.answer_limit(),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"):
        if (value := getattr(request, name)) is not None:
            wanted[name] = value
    if stops := request.stops():
        wanted["stop"] = stops
    return wanted


def _refusal(error: dict[str, Any]) -> RefusedError:
    message = str(error.get("message", "the model gave no reason"))
    if error.get("type") == "exceed_context_size_error":
        return invalid(message, "messages", code="context_length_exceeded")
    if error.get("code") == 400:
        return invalid(message)
    return failed(message)


@asynccontextmanager
async def chat_model(weights: Path, settings: ModelServerSettings) -> AsyncIterator[Generator]:
    """The chat model, loaded for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="aisle-llama-") as private:
        engine = await asyncio.to_thread(load_engine, weights, settings, Path(private))
        generator = Generator(engine, settings.chat_slots, settings.chat_waiting)
        try:
            yield generator
        finally:
            await asyncio.to_thread(generator.close)
