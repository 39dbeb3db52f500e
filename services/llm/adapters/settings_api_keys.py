"""API keys that stand in the settings: for a start, before any is kept in a database."""

import hashlib
from collections.abc import Sequence

from services.llm.domain.api_key import KeyHolder
from services.llm.domain.generation import SHOP


class SettingsApiKeys:
    """An `ApiKeys`. Keys are kept as digests: looking a digest up in a table tells nothing about a key by its time."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Take the keys."""
        self._holders: dict[bytes, KeyHolder] = {}
        for secret in secrets:
            digest = hashlib.sha256(secret.encode())
            # Named by a fingerprint, so that whoever counts usage by key never sees one.
            name = f"apiKeys/settings-{digest.hexdigest()[:12]}"
            self._holders[digest.digest()] = KeyHolder(name, SHOP, "from the settings")

    def find(self, secret: str) -> KeyHolder | None:
        """Return whom the key stands for."""
        return self._holders.get(hashlib.sha256(secret.encode()).digest())
