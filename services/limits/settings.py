"""Settings of the rate limiter."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class LimitsSettings(RuntimeSettings):
    """What the rate limiter needs to know."""

    service: ClassVar[str] = "limits"

    listen_port: int = Field(50056, ge=1, le=65535, description="Port to listen on.")
    proxy_port: int = Field(50066, ge=1, le=65535, description="Port on which proxies ask: the same answers, quicker.")
    redis_url: SecretStr = Field(
        ..., description="Redis that counts. What it holds may be lost, so it need not keep it."
    )
    file: Path = Field(Path(__file__).with_name("limits.yaml"), description="The table of limits.")
    poll_seconds: float = Field(1.0, gt=0, description="Seconds between looks at the table of limits.")
    redis_seconds: float = Field(0.4, gt=0, description="Seconds Redis may take before nobody counts.")
    token_key: SecretStr = Field(SecretStr(""), description="Not used: the rate limiter has no pages.")
