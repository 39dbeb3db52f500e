"""What the control plane needs to know."""

import os
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.runtime.settings import RuntimeSettings

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def _api_of_this_cluster() -> str:
    """Return the address every pod is told of; nothing elsewhere."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    with suppress(ValueError):
        host = f"[{IPv6Address(host)}]"
    return f"https://{host}:{port}" if host else ""


class ControlPlaneSettings(RuntimeSettings):
    """Settings of the control plane."""

    service: ClassVar[str] = "control_plane"

    listen_port: int = Field(18000, ge=1, le=65535, description="Port to listen on.")
    registry: Path = Field(..., description="YAML file that lists the services, their endpoints and the edge's routes.")
    delivery: Path | None = Field(None, description="YAML file of canaries, shadows and faults; it may come later.")
    poll_seconds: float = Field(1.0, gt=0, description="Seconds between looks at the files.")
    source: Literal["file", "kubernetes"] = Field(
        "file",
        description="Where replicas are: `file` takes the registry's endpoints, `kubernetes` follows EndpointSlices.",
    )
    kubernetes_url: str = Field(
        default_factory=_api_of_this_cluster,
        pattern=r"^(https?://\S+)?$",
        description="The Kubernetes API; by default that of the cluster the process runs in.",
    )
    kubernetes_namespace: str = Field(
        "", description="Namespace whose EndpointSlices are followed; empty is the service account's own."
    )
    kubernetes_selector: str = Field(
        "",
        pattern=r"^\S*$",
        description="Labels that EndpointSlices also carry, as name=value,…: tells two shops in one namespace apart.",
    )
    kubernetes_token_file: Path = Field(
        _ACCOUNT / "token", description="Token that is shown to the Kubernetes API, read anew for each connection."
    )
    kubernetes_ca_file: Path = Field(
        _ACCOUNT / "ca.crt", description="Authority the Kubernetes API is trusted by, read anew for each connection."
    )
    # Nobody balances over control planes by health, and an Envoy without one just goes on: leaving may be quick.
    drain_seconds: float = Field(0.0, ge=0, description="Seconds between saying NOT_SERVING and refusing streams.")
    grace_seconds: float = Field(0.5, ge=0, description="Seconds that open streams may still last when stopping.")
    token_key: SecretStr = Field(SecretStr(""), description="Not used: the control plane has no pages.")

    @model_validator(mode="after")
    def _knows_where_kubernetes_is(self) -> Self:
        if self.source == "kubernetes" and not self.kubernetes_url:
            raise ValueError("kubernetes_url is needed where the process does not run in a cluster")
        return self

    def namespace(self) -> str:
        """Return whose EndpointSlices are followed."""
        return self.kubernetes_namespace or (_ACCOUNT / "namespace").read_text("ascii").strip()
