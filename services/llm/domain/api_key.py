"""Keys of other teams: who holds one, and what a key may look like."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whom a valid key stands for."""

    # Resource name, `apiKeys/{api_key}`.
    name: str
    tenant: str
    display_name: str
