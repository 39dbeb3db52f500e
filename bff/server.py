"""The HTTP server's life: serve, and leave without losing a request."""

import asyncio
import logging
from types import FrameType

import uvicorn

from bff.app import Application
from bff.settings import BffSettings

log = logging.getLogger("aisle.serve")


class DrainingServer(uvicorn.Server):
    """Says not ready on the first signal, waits until that was noticed, then finishes what runs and stops."""

    def __init__(self, application: Application, settings: BffSettings) -> None:
        """Take what to serve and how long leaving may take."""
        super().__init__(
            uvicorn.Config(
                application.asgi,
                host=settings.listen_host,
                port=settings.listen_port,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                forwarded_allow_ips=settings.trusted_proxies,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
                ws_max_size=settings.max_frame_bytes,
                ws_ping_interval=20.0,
                ws_ping_timeout=20.0,
            )
        )
        self._application = application
        self._drain_seconds = settings.drain_seconds
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave; a second signal leaves at once."""
        if self._application.readiness.leaving:
            self.force_exit = self.should_exit = True
            return
        self._application.readiness.leaving = True
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        log.info("draining", extra={"data": {"drain_seconds": self._drain_seconds}})
        self._loop.call_later(self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True
