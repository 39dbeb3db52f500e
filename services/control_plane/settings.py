"""What the control plane needs to know."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class ControlPlaneSettings(RuntimeSettings):
    """Settings of the control plane."""

    service: ClassVar[str] = "control_plane"

    listen_port: int = Field(18000, ge=1, le=65535, description="Port to listen on.")
    registry: Path = Field(..., description="YAML file that lists the services, their endpoints and the edge's routes.")
    poll_seconds: float = Field(1.0, gt=0, description="Seconds between looks at the registry file.")
    # Nobody balances over control planes by health, and an Envoy without one just goes on: leaving may be quick.
    drain_seconds: float = Field(0.0, ge=0, description="Seconds between saying NOT_SERVING and refusing streams.")
    grace_seconds: float = Field(0.5, ge=0, description="Seconds that open streams may still last when stopping.")
    token_key: SecretStr = Field(SecretStr(""), description="Not used: the control plane has no pages.")
