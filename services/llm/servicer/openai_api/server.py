"""Serves the application over HTTP beside the gRPC server, in the same event loop."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from services.llm.servicer.openai_api.app import OpenAIApi

# Longer than Envoy keeps an idle connection, so that it is never we who close one it is just using.
_KEEP_ALIVE_SECONDS = 3700
_WAITING_CONNECTIONS = 1024


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class HttpServer:
    """A `serve.Door`: leaves by the same three steps as the gRPC server does."""

    def __init__(self, app: OpenAIApi, host: str, port: int) -> None:
        """Take the application, and where to listen."""
        # What it says of starting and stopping is said already, in the words of the house.
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._app = app
        self._closed = asyncio.Event()
        self._server = _Quiet(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                backlog=_WAITING_CONNECTIONS,
            )
        )

    async def serve(self) -> None:
        """Serve until stopped; when cancelled, running answers end at once."""
        server = self._server
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup()
        try:
            await server.main_loop()
        except asyncio.CancelledError:
            server.force_exit = True
            raise
        finally:
            await server.shutdown()
            self._closed.set()

    def not_serving(self) -> None:
        """Say so to whoever asks after our health; connections are not kept for another request."""
        self._app.leave()

    async def stop(self, grace: float) -> None:
        """Take no more connections, and return once running answers have ended or the grace is over."""
        self._server.config.timeout_graceful_shutdown = max(1, round(grace))
        self._server.should_exit = True
        await self._closed.wait()
