"""Pictures in an S3 bucket, fetched by presigned addresses."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from services.product.application.ports import Clock
from services.product.domain.errors import field_invalid, media_store_away
from services.product.domain.picture import is_key

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client

_SECONDS_VALID = 7 * 86_400
_WRITERS = 8
# An address is signed once an hour, so that browsers can cache what is behind it.
_SIGNED_FOR = 3_600
# Seconds between looks at whether credentials are still the same: while nobody gives others, each look takes a while.
_LOOKS_EVERY = 30
_MOST_ADDRESSES = 20_000


class S3MediaStore:
    """Keeps pictures as objects of one bucket."""

    def __init__(self, client: "S3Client", bucket: str, clock: Clock, credentials: "Credentials | None" = None) -> None:
        """Take a client and its credentials as `s3_client` makes them, the bucket, and the time."""
        self._client = client
        self._bucket = bucket
        self._clock = clock
        self._executor = ThreadPoolExecutor(_WRITERS, thread_name_prefix="media")
        self._credentials = credentials
        self._signer: str | None = None
        self._look_again = 0
        self._addresses: dict[tuple[str, int, str | None], str] = {}

    async def store(self, key: str, content: bytes, content_type: str) -> None:
        """Put the object."""
        if not is_key(key):
            raise field_invalid("key", "is not a key of the media store")
        await asyncio.get_running_loop().run_in_executor(self._executor, self._put, key, content, content_type)

    def uri(self, key: str) -> str:
        """Return a presigned address; signing is arithmetic and asks nobody but for a role's next credentials."""
        now = int(self._clock.now().timestamp())
        place = (key, now // _SIGNED_FOR, self._signs(now))
        known = self._addresses.get(place)
        if known is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses.clear()
            known = self._addresses[place] = self._signed(key)
        return known

    def close(self) -> None:
        """Let writers finish."""
        self._executor.shutdown(wait=True)

    def _signs(self, now: int) -> str | None:
        """Return the name of the key that signs now; while others cannot be had, of the last one.

        Credentials of a role end, and with them what they signed: botocore renews them at least ten minutes before.
        """
        from botocore.exceptions import BotoCoreError

        if self._credentials is not None and now >= self._look_again:
            self._look_again = now + _LOOKS_EVERY
            with suppress(BotoCoreError, RuntimeError):
                self._signer = self._credentials.get_frozen_credentials().access_key
        return self._signer

    def _signed(self, key: str) -> str:
        from botocore.exceptions import BotoCoreError

        try:
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=_SECONDS_VALID
            )
        except (BotoCoreError, RuntimeError) as failure:
            # A RuntimeError is how botocore says that credentials it was given have ended already.
            raise media_store_away(type(failure).__name__) from failure

    def _put(self, key: str, content: bytes, content_type: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                CacheControl="public, max-age=86400",
            )
        except ClientError as failure:
            # The code says what is wrong (NoSuchBucket, AccessDenied, SlowDown); the message may name who asked.
            raise media_store_away(str(failure.response["Error"]["Code"])) from failure
        except BotoCoreError as failure:
            raise media_store_away(type(failure).__name__) from failure


def s3_client(region: str, endpoint_url: str) -> tuple["S3Client", "Credentials | None"]:
    """Return a client and the process's credentials it has. The SDK is heavy: it is loaded when a bucket is used."""
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4", connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 3})
    session = boto3.Session(region_name=region or None)
    client: S3Client = session.client("s3", endpoint_url=endpoint_url or None, config=config)
    return client, session.get_credentials()
