"""One moto server for all tests of AWS; programs find it as they find AWS, by their environment."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.helm.conftest import chart as chart
from tests.helm.conftest import engine as engine
from tests.integration.aws.cloud import KEY_ID, REGION, SECRET_KEY, Cloud


@pytest.fixture(scope="session")
def started_cloud() -> Iterator[Cloud]:
    started = Cloud()
    yield started
    started.stop()


@pytest.fixture
def cloud(started_cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """Return an empty cloud that this process takes for AWS; nothing else is asked for credentials."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    told = {
        "AWS_ENDPOINT_URL": started_cloud.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    # boto3 remembers whom it acted for first.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    started_cloud.reset()
    return started_cloud
