"""What every media store promises: in memory, in a folder, in a bucket (against S3's API: tests/integration/aws)."""

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.stub import Stubber

from services.product.adapters.folder_media_store import FolderMediaStore
from services.product.adapters.s3_media_store import S3MediaStore
from services.product.application.ports import MediaStore
from services.runtime import errors
from tests.contract.product.media_store_promises import KEY, MediaStorePromises
from tests.fakes.product_media_store import FakeMediaStore


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def bucket() -> tuple[S3MediaStore, Stubber]:
    client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="k", aws_secret_access_key="s")
    stubber = Stubber(client)
    stubber.activate()
    return S3MediaStore(client, "pictures", Clock()), stubber


class TestMediaStores(MediaStorePromises):
    """In memory, in a folder, and in a bucket whose answers are planned."""

    @pytest.fixture(params=["memory", "folder", "bucket"])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MediaStore]:
        if request.param == "memory":
            yield FakeMediaStore()
        elif request.param == "folder":
            folder = FolderMediaStore(tmp_path, "secret", Clock())
            yield folder
            folder.close()
        else:
            s3, stubber = bucket()
            for _ in range(2):
                stubber.add_response("put_object", {})
            yield s3
            s3.close()


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_folder_keeps_the_bytes_and_nothing_else(tmp_path: Path) -> None:
    folder = FolderMediaStore(tmp_path, "secret", Clock())
    await asyncio.gather(*(folder.store(KEY, bytes([n]) * 1000, "image/webp") for n in range(20)))
    found = files(tmp_path)
    assert found.keys() == {tmp_path / KEY}
    assert found[tmp_path / KEY] in [bytes([n]) * 1000 for n in range(20)]


async def test_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = FolderMediaStore(tmp_path / "file", "secret", Clock())
    with pytest.raises(errors.Unavailable) as caught:
        await folder.store(KEY, b"x", "image/webp")
    assert caught.value.reason == "MEDIA_STORE_AWAY"


def test_folder_address_is_signed_for_a_week_and_stays_for_a_day(tmp_path: Path) -> None:
    clock = Clock()
    folder = FolderMediaStore(tmp_path, "secret", clock)
    address = urlsplit(folder.uri(KEY))
    given = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == f"/media/{KEY}"
    signed = hmac.new(b"secret", f"{KEY}|{given['expires']}".encode(), hashlib.sha256).hexdigest()
    assert given["signature"] == signed
    assert int(given["expires"]) - clock.now().timestamp() >= 7 * 86_400
    today = folder.uri(KEY)
    clock.moment += timedelta(hours=14)
    assert folder.uri(KEY) == today
    clock.moment += timedelta(hours=2)
    assert folder.uri(KEY) != today


async def test_bucket_that_refuses_is_unavailable() -> None:
    s3, stubber = bucket()
    stubber.add_client_error("put_object", "SlowDown", http_status_code=503)
    with pytest.raises(errors.Unavailable):
        await s3.store(KEY, b"x", "image/webp")


def test_bucket_address_is_presigned_for_a_week() -> None:
    s3, _ = bucket()
    address = s3.uri(KEY)
    assert "X-Amz-Expires=604800" in address or "Expires=" in address
    assert "ignature=" in address
