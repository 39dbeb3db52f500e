"""Pictures in S3 as on AWS: the bucket Terraform makes, the process's own credentials, and what S3 may answer."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import boto3
import pytest

from services.product.__main__ import media_store
from services.product.adapters.s3_media_store import S3MediaStore, s3_client
from services.product.settings import ProductSettings
from services.runtime import errors
from tests.contract.product.media_store_promises import KEY, MediaStorePromises
from tests.integration.aws.cloud import KEY_ID, POD_IDENTITY, REGION, SECRET_KEY, Cloud, Fault

BUCKET = "aisle-test-media-111122223333"
SLOW_DOWN = Fault("503 Slow Down", "SlowDown")
SETTINGS: dict[str, Any] = {
    "database_url": "postgresql+asyncpg://nobody@nowhere/none",
    "token_key": "only-for-tests-only-for-tests-only-for-tests",
    "listen_port": 50051,
    "media_signing_key": "only-for-tests",
    "media_bucket": BUCKET,
    "media_region": REGION,
}


class Clock:
    """A clock that stands until it is moved."""

    moment = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def make_bucket(region: str = REGION) -> str:
    """Make the bucket as terraform/modules/storage does, and return the key that encrypts it."""
    key = str(boto3.client("kms").create_key()["KeyMetadata"]["Arn"])
    s3 = boto3.client("s3", region_name=region)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule: Any = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return key


def role(key_id: str, minutes: int) -> dict[str, str]:
    """Return what a pod with a role is told to sign with."""
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    return {"AccessKeyId": key_id, "SecretAccessKey": "s", "Token": "t", "Expiration": end.isoformat()}


def started(**change: Any) -> S3MediaStore:
    """Return the store that the service would start with."""
    found = media_store(ProductSettings(**{**SETTINGS, **change}))
    assert isinstance(found, S3MediaStore)
    return found


@pytest.fixture
def key_arn(cloud: Cloud) -> str:
    made = make_bucket()
    cloud.front.seen.clear()
    return made


@pytest.fixture
def store(key_arn: str) -> Iterator[S3MediaStore]:
    made = started()
    yield made
    made.close()


class TestBucket(MediaStorePromises):
    """A bucket keeps the promises of every media store."""


def fetched(address: str) -> tuple[bytes, str, str]:
    """Return what a browser gets at an address, its type, and how long it may be kept."""
    with urlopen(address, timeout=10) as answer:
        return answer.read(), answer.headers["Content-Type"], answer.headers["Cache-Control"]


async def test_what_was_stored_last_is_what_the_address_gives(store: S3MediaStore) -> None:
    await store.store(KEY, b"one", "image/webp")
    await store.store(KEY, b"two", "image/webp")
    assert fetched(store.uri(KEY)) == (b"two", "image/webp", "public, max-age=86400")


async def test_an_object_is_encrypted_by_the_key_of_its_bucket(store: S3MediaStore, key_arn: str) -> None:
    await store.store(KEY, b"one", "image/webp")
    about = boto3.client("s3").head_object(Bucket=BUCKET, Key=KEY)
    assert (about["ServerSideEncryption"], about["SSEKMSKeyId"]) == ("aws:kms", key_arn)


def test_an_address_is_signed_by_version_four_which_encrypted_objects_ask_for(store: S3MediaStore) -> None:
    asked = parse_qs(urlsplit(store.uri(KEY)).query)
    assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert asked["X-Amz-Expires"] == ["604800"]
    today = datetime.now(UTC).strftime("%Y%m%d")
    assert asked["X-Amz-Credential"] == [f"{KEY_ID}/{today}/{REGION}/s3/aws4_request"]


async def test_an_address_is_signed_anew_once_the_credentials_of_a_role_are_others(
    cloud: Cloud, key_arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.url}{POD_IDENTITY}")
    # They end soon, so that botocore asks for others whenever it needs some, and still gets these.
    cloud.front.role = role("ASIAFIRST00000000000", minutes=5)
    clock = Clock()
    client, credentials = s3_client(REGION, "")
    store = S3MediaStore(client, BUCKET, clock, credentials)
    await store.store(KEY, b"one", "image/webp")
    first = store.uri(KEY)
    assert store.uri(KEY) == first
    cloud.front.role = {}
    clock.moment += timedelta(minutes=1)
    assert store.uri(KEY) == first
    with pytest.raises(errors.Unavailable):
        store.uri("products/other/1.webp")
    clock.moment += timedelta(minutes=1)
    cloud.front.role = role("ASIASECOND0000000000", minutes=360)
    second = store.uri(KEY)
    assert [parse_qs(urlsplit(one).query)["X-Amz-Credential"][0].split("/")[0] for one in (first, second)] == [
        "ASIAFIRST00000000000",
        "ASIASECOND0000000000",
    ]
    assert store.uri(KEY) == second
    assert fetched(second)[0] == b"one"


def test_an_address_of_what_was_never_stored_gives_nothing(store: S3MediaStore) -> None:
    with pytest.raises(HTTPError, match="404"):
        fetched(store.uri("products/none/1.webp"))


async def test_a_busy_moment_is_waited_out(cloud: Cloud, store: S3MediaStore) -> None:
    cloud.front.faults += [SLOW_DOWN, SLOW_DOWN]
    await store.store(KEY, b"one", "image/webp")
    assert [seen.method for seen in cloud.front.seen] == ["PUT"] * 3


async def test_a_store_that_stays_busy_is_asked_three_times_and_named(cloud: Cloud, store: S3MediaStore) -> None:
    cloud.front.faults += [SLOW_DOWN] * 9
    with pytest.raises(errors.Unavailable) as caught:
        await store.store(KEY, b"one", "image/webp")
    assert (caught.value.reason, caught.value.metadata["cause"]) == ("MEDIA_STORE_AWAY", "SlowDown")
    assert len(cloud.front.seen) == 3


async def test_a_bucket_that_is_missing_is_named_and_asked_once(cloud: Cloud) -> None:
    with pytest.raises(errors.Unavailable) as caught:
        await started().store(KEY, b"one", "image/webp")
    assert (caught.value.reason, caught.value.metadata["cause"]) == ("MEDIA_STORE_AWAY", "NoSuchBucket")
    assert len(cloud.front.seen) == 1


async def test_who_may_only_read_cannot_store_and_is_told_so(
    cloud: Cloud, key_arn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=document)
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])
    boto3.setup_default_session()
    cloud.enforce_rights(True)
    with caplog.at_level(logging.INFO), pytest.raises(errors.Unavailable) as caught:
        await started().store(KEY, b"one", "image/webp")
    assert caught.value.metadata["cause"] == "AccessDenied"
    said = f"{caught.value} {caught.value.metadata} {caplog.text}"
    assert made["AccessKeyId"] not in said
    assert made["SecretAccessKey"] not in said


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
async def test_a_key_that_is_refused_is_in_no_error_and_no_log(
    cloud: Cloud, store: S3MediaStore, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    cloud.front.faults += [Fault("403 Forbidden", code)] * 9
    with caplog.at_level(logging.INFO), pytest.raises(errors.Unavailable) as caught:
        await store.store(KEY, b"one", "image/webp")
    said = f"{caught.value} {caught.value.metadata} {caplog.text}"
    assert code in said
    assert KEY_ID not in said
    assert SECRET_KEY not in said


async def test_a_bucket_of_another_region_is_followed_there(cloud: Cloud) -> None:
    elsewhere = "eu-west-1"
    make_bucket(elsewhere)
    cloud.front.seen.clear()
    cloud.front.faults.append(
        Fault("301 Moved Permanently", "PermanentRedirect", (("x-amz-bucket-region", elsewhere),))
    )
    await started().store(KEY, b"one", "image/webp")
    assert [seen.signed_for for seen in cloud.front.seen if seen.method == "PUT"] == [REGION, elsewhere]
    assert boto3.client("s3", region_name=elsewhere).get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"one"


async def test_nobody_at_the_address_is_unavailable(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(errors.Unavailable) as caught:
        await started().store(KEY, b"one", "image/webp")
    assert caught.value.metadata["cause"] == "EndpointConnectionError"


async def test_without_credentials_nothing_is_sent(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    boto3.setup_default_session()
    with pytest.raises(errors.Unavailable) as caught:
        await started().store(KEY, b"one", "image/webp")
    assert caught.value.metadata["cause"] == "NoCredentialsError"
    with pytest.raises(errors.Unavailable):
        started().uri(KEY)
    assert cloud.front.seen == []
