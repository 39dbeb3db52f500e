"""Serves the application over HTTP beside the gRPC server, in the same event loop."""

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
    """A background job: serves until cancelled, then lets running answers end."""

    def __init__(self, app: OpenAIApi, host: str, port: int, grace_seconds: float) -> None:
        """Take the application, where to listen, and the seconds running answers get when the process leaves."""
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
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, int(grace_seconds)),
                backlog=_WAITING_CONNECTIONS,
            )
        )

    async def __call__(self) -> None:
        """Serve."""
        server = self._server
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup()
        try:
            await server.main_loop()
        finally:
            await server.shutdown()
