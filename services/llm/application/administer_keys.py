"""Issues keys of other teams, lists and revokes them."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from services.llm.application.admin_ports import AdminBook
from services.llm.domain.administration import digest_of
from services.llm.domain.api_key import ApiKey
from services.llm.domain.errors import api_key_not_found, prompt_invalid
from services.llm.domain.generation import SHOP

# Told apart from other secrets by scanners of repositories, and by people.
_PREFIX = "sk-aisle-"
_SECRET_BYTES = 32
_HINT = 4


class CreateApiKey:
    """Makes a key."""

    def __init__(self, book: AdminBook) -> None:
        """Take where keys are kept."""
        self._book = book

    async def __call__(
        self, actor: str, display_name: str, tenant: str, expire_time: datetime | None
    ) -> tuple[ApiKey, str]:
        """Return the key and its secret, which is kept nowhere. Raises Invalid for an expiry that is past."""
        if expire_time is not None and expire_time <= datetime.now(UTC):
            raise prompt_invalid("api_key.expire_time", "is past")
        secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        name = f"apiKeys/{secrets.token_hex(8)}"
        key = ApiKey(name, display_name, tenant or SHOP, secret[-_HINT:], actor, datetime.now(UTC), expire_time)
        async with self._book.writing() as writer:
            key = await writer.add_key(key, digest_of(secret))
            await writer.note(actor, "CreateApiKey", name, f"{display_name}, for {key.tenant}")
        return key, secret


class ListApiKeys:
    """Lists keys."""

    def __init__(self, book: AdminBook) -> None:
        """Take where keys are kept."""
        self._book = book

    async def __call__(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[ApiKey]:
        """Return keys, newest first."""
        async with self._book.reading() as reader:
            return await reader.keys(after, limit)


class RevokeApiKey:
    """Revokes a key for good."""

    def __init__(self, book: AdminBook) -> None:
        """Take where keys are kept."""
        self._book = book

    async def __call__(self, actor: str, name: str) -> ApiKey:
        """Return the revoked key. Raises NotFound."""
        async with self._book.writing() as writer:
            key = await writer.revoke_key(name)
            if key is None:
                raise api_key_not_found(name)
            await writer.note(actor, "RevokeApiKey", name, key.display_name)
        return key
