"""Where the control plane looks for Kubernetes, and that it does not begin without knowing."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.control_plane.settings import ControlPlaneSettings

REGISTRY = Path("registry.yaml")


@pytest.mark.parametrize(
    ("host", "url"),
    [("10.96.0.1", "https://10.96.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443"), ("", "")],
)
def test_api_is_that_of_the_cluster_the_process_runs_in(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    assert ControlPlaneSettings(registry=REGISTRY).kubernetes_url == url


def test_source_that_nobody_can_find_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ValidationError, match="kubernetes_url is needed"):
        ControlPlaneSettings(registry=REGISTRY, source="kubernetes")
    with pytest.raises(ValidationError):
        ControlPlaneSettings(registry=REGISTRY, source="kubernetes", kubernetes_url="ftp://10.0.0.1")
    explicit = ControlPlaneSettings(
        registry=REGISTRY, source="kubernetes", kubernetes_url="https://10.0.0.1", kubernetes_namespace="shop"
    )
    assert explicit.namespace() == "shop"
