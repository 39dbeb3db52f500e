"""Settings of the embedded stack."""

import sys
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from local import ports

ROOT = Path(__file__).resolve().parent.parent


class LocalSettings(BaseSettings):
    """What `aisle up` can be told."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    home: Path = Field(Path(".aisle"), description="Folder of everything the stack keeps: data, logs, secrets.")
    host: str = Field("127.0.0.1", description="Address the edge listens on; 0.0.0.0 opens the shop to the network.")
    port_offset: int = Field(
        0, ge=0, le=5000, description="Added to every port: a second stack, with a home of its own."
    )
    edge_port: int | None = Field(None, ge=1, le=65535, description="Port of the edge, instead of 8080.")
    sidecars: bool = Field(
        False, description="A proxy beside each service and mutual TLS between them, as on Kubernetes."
    )
    trace_sampled_percent: float = Field(100.0, ge=0, le=100, description="Share of requests whose trace is kept.")
    access_log: bool = Field(True, description="Whether the edge writes a line for each request to its log.")
    demo: bool = Field(True, description="Whether an empty shop is filled with the demo shop.")
    bff_oidc_issuer: str = Field("", description="Issuer whose access tokens the edge takes too; the BFF has its keys.")
    bff_oidc_audience: str = Field("", description="Audience of those tokens; empty takes none.")
    bff_oidc_role_claim: str = Field("roles", description="Claim that names roles in them.")
    servers_venv: Path = Field(ROOT / ".venv-servers", description="Where Envoy and Milvus Lite are installed.")
    static_dir: Path = Field(ROOT / "frontend" / "dist", description="The built front end.")

    @classmethod
    def load(cls) -> Self:
        """Read the environment, or say what is wrong with it and exit with code 2."""
        try:
            return cls()
        except ValidationError as invalid:
            for error in invalid.errors(include_input=False, include_url=False):
                name = "_".join(str(part) for part in error["loc"]).upper()
                sys.stderr.write(f"AISLE_{name}: {error['msg']}\n")
            raise SystemExit(2) from None

    def ports(self) -> dict[str, int]:
        """Return the number of every port by name."""
        numbers = ports.table(self.port_offset, sidecars=self.sidecars)
        if self.edge_port is not None:
            numbers["edge"] = self.edge_port
        return numbers

    def folder(self, name: str) -> Path:
        """Return a folder below home, made when missing."""
        path = (self.home / name).resolve()
        path.mkdir(parents=True, exist_ok=True)
        return path
