"""Loads models in the background and says of each whether it can be used yet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from typing import Any, Generic, TypeVar

from local.models.packages import ModelPackageMissingError
from local.models.refusals import RefusedError, not_ready

log = logging.getLogger(__name__)
Model = TypeVar("Model")


class State(StrEnum):
    """Where a model is in its life."""

    LOADING = "loading"
    OK = "ok"
    FAILED = "failed"


class Slot(Generic[Model]):
    """The place of one model: empty while it loads, filled from then on."""

    def __init__(self, name: str, load: Callable[[], AbstractAsyncContextManager[Model]]) -> None:
        self.name, self._load = name, load
        self.state, self.reason = State.LOADING, ""
        self.settled = asyncio.Event()
        self._model: Model | None = None

    def get(self) -> Model:
        """The model, or the refusal that tells the client when to come back."""
        if self._model is None:
            raise not_ready(self.name, self.state)
        return self._model

    async def hold(self, ended: asyncio.Event) -> None:
        """Loads the model and keeps it until the server ends; a model that cannot load leaves the others alone."""
        try:
            async with self._load() as model:
                self._model, self.state = model, State.OK
                self.settled.set()
                log.info("model loaded", extra={"model": self.name})
                await ended.wait()
        except (ModelPackageMissingError, RefusedError, RuntimeError, OSError, ValueError) as error:
            self.state, self.reason, self._model = State.FAILED, str(error), None
            self.settled.set()
            log.error("model failed", extra={"model": self.name, "reason": self.reason})


@asynccontextmanager
async def held(slots: list[Slot[Any]]) -> AsyncIterator[None]:
    """Keeps all models for the time of the block, loading them while it already runs."""
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for slot in slots:
            group.create_task(slot.hold(ended))
        try:
            yield
        finally:
            ended.set()


def health(slots: list[Slot[Any]]) -> tuple[int, dict[str, Any]]:
    """The HTTP status and body of the health page: 503 until nothing loads any more and something works."""
    states = {slot.state for slot in slots}
    if State.LOADING in states:
        overall, status = "loading", 503
    elif states == {State.OK}:
        overall, status = "ok", 200
    else:
        overall, status = ("degraded", 200) if State.OK in states else ("failed", 503)
    models = {slot.name: {"state": slot.state, "reason": slot.reason} for slot in slots}
    return status, {"status": overall, "models": models}
