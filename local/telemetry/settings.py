"""Settings of the collector of one machine."""

from typing import ClassVar

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class TelemetrySettings(RuntimeSettings):
    """What the collector is told."""

    service: ClassVar[str] = "telemetry"

    listen_port: int = Field(4317, ge=1, le=65535, description="Port to listen on.")
    trace_bytes: int = Field(64 << 20, ge=1 << 20, description="Memory that traces may take, in bytes.")
