"""Signs calls to Bedrock with the credentials of the environment, as botocore finds them.

Signing is arithmetic and happens on the event loop. Finding and renewing credentials may ask a file, a process, STS or
the machine's metadata, and goes to a thread.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from botocore.utils import get_token_from_environment

from services.llm.domain.errors import FailureKind, ProviderFailed

_SERVICE = "bedrock-runtime"
_SIGNED_AS = "bedrock"
# Credentials of which less than this is left are renewed before the call, in seconds; fresher ones beside it.
_TOO_SHORT = 60
_PROBLEMS = (BotoCoreError, ClientError, OSError, RuntimeError, ValueError, KeyError)


class BedrockSignature:
    """Knows where Bedrock is and who we are there."""

    def __init__(self, region: str, endpoint_url: str) -> None:
        """Take the region, and Bedrock's address where it is not the region's public one."""
        self._region, self._endpoint_url = region, endpoint_url
        self._session = Session()
        # A key of Bedrock's own goes before credentials, as botocore has it.
        self._token = get_token_from_environment(_SIGNED_AS)
        # One thread: one search at a time is enough for all who wait.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bedrock-credentials")
        self._found: ReadOnlyCredentials | None = None
        self._renewable: RefreshableCredentials | None = None
        self._search: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Let nothing new in."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def endpoint(self) -> str:
        """Return Bedrock's address. botocore reads its tables from disk for it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._resolved)

    async def headers(self, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a call and its signature. Raises ProviderFailed without credentials."""
        if self._token:
            return {**headers, "Authorization": f"Bearer {self._token}"}
        request = AWSRequest("POST", url, headers=dict(headers), data=body)
        SigV4Auth(await self._credentials(), _SIGNED_AS, self._region).add_auth(request)
        return dict(request.headers.items())

    async def may_sign(self) -> None:
        """Raise ProviderFailed when there is nothing to sign with."""
        if not self._token:
            await self._credentials()

    async def _credentials(self) -> ReadOnlyCredentials:
        """Return credentials that are good for a while yet. Raises ProviderFailed when there are none."""
        if self._found is None or self._expires(_TOO_SHORT):
            await asyncio.wait([self._searching()])
        elif self._expires():
            # Nobody has to wait for these, nor to suffer when they cannot be had yet.
            self._searching()
        if self._found is None or self._expires(0):
            raise ProviderFailed(FailureKind.FORBIDDEN)
        return self._found

    def _resolved(self) -> str:
        unsigned = Config(signature_version="bearer") if self._token else None
        client = self._session.create_client(
            _SERVICE, self._region, endpoint_url=self._endpoint_url or None, config=unsigned
        )
        address: str = client.meta.endpoint_url
        client.close()
        return address.rstrip("/")

    def _expires(self, within: int | None = None) -> bool:
        return self._renewable is not None and self._renewable.refresh_needed(within)

    def _searching(self) -> "asyncio.Future[None]":
        """Return the search that runs, or begin one."""
        if self._search is None or self._search.done():
            self._search = asyncio.get_running_loop().run_in_executor(self._pool, self._look)
        return self._search

    def _look(self) -> None:
        """Find or renew credentials, on the pool's thread. What cannot be found stays what it was."""
        try:
            credentials = self._session.get_credentials()
            if credentials is not None:
                self._found = credentials.get_frozen_credentials()
                self._renewable = credentials if isinstance(credentials, RefreshableCredentials) else None
        except _PROBLEMS:
            # botocore has logged what went wrong, without a secret.
            return
