"""Settings every service process shares, read once from the environment and passed on as values."""

import sys
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class RuntimeSettings(BaseSettings):
    """What every process in the mesh needs to know.

    Each field is read from `AISLE_<SERVICE>_<FIELD>`, then from `AISLE_<FIELD>`, so that what all processes share is
    said once.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")
    service: ClassVar[str] = "runtime"

    listen_host: str = Field("127.0.0.1", description="Address to listen on.")
    listen_port: int = Field(..., ge=1, le=65535, description="Port to listen on.")
    egress_address: str = Field(
        "127.0.0.1:15001", description="Envoy's egress listener: every call to another service goes there."
    )
    drain_seconds: float = Field(
        5.0, ge=0, description="Seconds between saying NOT_SERVING and refusing calls, for callers to notice."
    )
    grace_seconds: float = Field(10.0, ge=0, description="Seconds running calls may still take when stopping.")
    max_message_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Largest gRPC message sent or accepted, in bytes."
    )
    otlp_endpoint: str = Field("", description="OTLP/gRPC collector for traces and metrics; empty sends none.")
    trace_sampled_percent: float = Field(
        100.0, ge=0, le=100, description="Share of the traces begun here that are kept; others keep their caller's."
    )
    metric_seconds: float = Field(60.0, ge=1, le=3600, description="Seconds between two reports of metrics.")
    log_level: str = Field("INFO", description="Least level that is logged: DEBUG, INFO, WARNING or ERROR.")
    token_key: SecretStr = Field(..., description="Key that signs page tokens; the same on all replicas.")

    @classmethod
    def load(cls) -> Self:
        """Read the environment; on errors name all of them on stderr, without values, and exit with code 2."""
        try:
            return cls()
        except ValidationError as invalid:
            lines = [f"{cls.__name__}: the environment is not complete."]
            for error in invalid.errors(include_input=False, include_url=False):
                field = "_".join(str(part) for part in error["loc"]).upper()
                lines.append(f"  AISLE_{cls.service.upper()}_{field}: {error['msg']}")
            sys.stderr.write("\n".join(lines) + "\n")
            raise SystemExit(2) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the service's own prefix first, then the shared one."""
        own = EnvSettingsSource(settings_cls, env_prefix=f"AISLE_{cls.service.upper()}_")
        shared = EnvSettingsSource(settings_cls, env_prefix="AISLE_")
        return (init_settings, own, shared)

    @classmethod
    def describe(cls) -> list[tuple[str, str, str]]:
        """Return (variable, default, description) of every field, for the documentation."""
        rows = []
        for name, field in cls.model_fields.items():
            required = field.is_required()
            default: Any = "" if required else field.get_default(call_default_factory=True)
            shown = "required" if required else str(default)
            rows.append((f"AISLE_{cls.service.upper()}_{name.upper()}", shown, field.description or ""))
        return rows
