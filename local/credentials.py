"""Secrets of the embedded stack: made once, kept in a file only the owner can read."""

import json
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Random secrets of one home folder."""

    postgres_password: str
    redis_password: str
    token_key: str
    media_signing_key: str
    api_key: str
    # Of the demo accounts, once the edge is open to the network.
    demo_password: str


def load(home: Path) -> Credentials:
    """Return the secrets of `home`, making those that are missing."""
    path = home / "secrets.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    made = {field.name: known.get(field.name) or secrets.token_urlsafe(32) for field in fields(Credentials)}
    if made != known:
        home.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(made))
        fresh.replace(path)
    return Credentials(**made)


def all_values(credentials: Credentials) -> list[str]:
    """Return every secret, for tests that look for leaks."""
    return list(asdict(credentials).values())
