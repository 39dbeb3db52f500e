"""Pictures in an S3 bucket, fetched by presigned addresses."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from services.product.application.ports import Clock
from services.product.domain.errors import field_invalid, media_store_away
from services.product.domain.picture import is_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SECONDS_VALID = 7 * 86_400
_WRITERS = 8
# An address is signed once an hour, so that browsers can cache what is behind it.
_SIGNED_FOR = 3_600
_MOST_ADDRESSES = 20_000


class S3MediaStore:
    """Keeps pictures as objects of one bucket."""

    def __init__(self, client: "S3Client", bucket: str, clock: Clock) -> None:
        """Take a client made by `s3_client`, the bucket, and the time."""
        self._client = client
        self._bucket = bucket
        self._clock = clock
        self._executor = ThreadPoolExecutor(_WRITERS, thread_name_prefix="media")
        self._addresses: dict[tuple[str, int], str] = {}

    async def store(self, key: str, content: bytes, content_type: str) -> None:
        """Put the object."""
        if not is_key(key):
            raise field_invalid("key", "is not a key of the media store")
        await asyncio.get_running_loop().run_in_executor(self._executor, self._put, key, content, content_type)

    def uri(self, key: str) -> str:
        """Return a presigned address; signing is arithmetic and asks nobody."""
        hour = int(self._clock.now().timestamp()) // _SIGNED_FOR
        known = self._addresses.get((key, hour))
        if known is None:
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses.clear()
            known = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=_SECONDS_VALID
            )
            self._addresses[(key, hour)] = known
        return known

    def close(self) -> None:
        """Let writers finish."""
        self._executor.shutdown(wait=True)

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
        except (BotoCoreError, ClientError) as failure:
            raise media_store_away(type(failure).__name__) from failure


def s3_client(region: str, endpoint_url: str) -> "S3Client":
    """Return a client with the process's own credentials. The SDK is heavy: it is loaded when a bucket is used."""
    import boto3
    from botocore.config import Config

    config = Config(signature_version="s3v4", connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 3})
    client: S3Client = boto3.client("s3", region_name=region or None, endpoint_url=endpoint_url or None, config=config)
    return client
