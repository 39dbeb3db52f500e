"""The keys that sign access tokens: in one file, several at a time, so that they can be changed while tokens live.

A new key is published before it signs, until everybody who verifies has seen it, and stays published after it has been
succeeded, until the last token it signed has ended.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ALGORITHM = "ES256"
# Envoy asks for the keys once a minute.
PUBLISHED_BEFORE = timedelta(minutes=5)
# Longer than any access token lives.
KEPT_AFTER = timedelta(days=1)
_LOOK_SECONDS = 1.0


class SigningKeysError(Exception):
    """The file of keys cannot be used."""


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A key, what it is called, and when it begins to sign."""

    id: str
    private: ec.EllipticCurvePrivateKey
    signs_from: datetime

    @classmethod
    def new(cls, signs_from: datetime) -> "SigningKey":
        """Return a key that nobody has seen yet."""
        return cls(secrets.token_hex(8), ec.generate_private_key(ec.SECP256R1()), signs_from)

    def published(self) -> dict[str, Any]:
        """Return the public half as a JSON Web Key."""
        found: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**found, "kid": self.id, "use": "sig", "alg": ALGORITHM}


class KeyRing:
    """All keys of one moment."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        """Take at least one key."""
        self.keys = tuple(sorted(keys, key=lambda key: key.signs_from))
        if not self.keys:
            raise SigningKeysError("there is no key")
        self._by_id: Mapping[str, SigningKey] = {key.id: key for key in self.keys}

    def signing(self, now: datetime) -> SigningKey:
        """Return the key that signs: the newest whose time has come."""
        begun = [key for key in self.keys if key.signs_from <= now]
        return begun[-1] if begun else self.keys[0]

    def get(self, key_id: str) -> SigningKey | None:
        """Return the key of this name."""
        return self._by_id.get(key_id)

    def jwks(self) -> dict[str, Any]:
        """Return the public halves of all of them, as RFC 7517 has it."""
        return {"keys": [key.published() for key in self.keys]}

    def rotated(self, now: datetime, published_before: timedelta = PUBLISHED_BEFORE) -> "KeyRing":
        """Return the keys with a successor, and without those whose tokens have all ended."""
        successors = [*(key.signs_from for key in self.keys[1:]), None]
        living = [
            key
            for key, succeeded in zip(self.keys, successors, strict=True)
            if succeeded is None or now < succeeded + KEPT_AFTER
        ]
        return KeyRing([*living, SigningKey.new(now + published_before)])


def read(path: Path) -> KeyRing:
    """Return the keys of a file. Raises SigningKeysError, which never tells what stands in it."""
    try:
        return KeyRing(_key(entry) for entry in json.loads(path.read_text())["keys"])
    except (OSError, ValueError, KeyError, TypeError) as broken:
        raise SigningKeysError(f"{path}: {type(broken).__name__}") from None


def write(path: Path, ring: KeyRing) -> None:
    """Keep the keys in a file that only its owner can read, all of them or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as sink:
        json.dump({"keys": [_written(key) for key in ring.keys]}, sink)
    fresh.replace(path)


def prepare(path: Path, now: datetime, oldest: timedelta = timedelta(days=30)) -> None:
    """Make the first key where there is none, and a successor where the newest has signed for long."""
    if not path.exists():
        write(path, KeyRing([SigningKey.new(now)]))
        return
    ring = read(path)
    if now - ring.keys[-1].signs_from > oldest:
        write(path, ring.rotated(now))


def _key(entry: Mapping[str, Any]) -> SigningKey:
    private = serialization.load_pem_private_key(entry["private"].encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise ValueError("not a P-256 key")
    return SigningKey(str(entry["id"]), private, datetime.fromtimestamp(float(entry["signs_from"]), UTC))


def _written(key: SigningKey) -> dict[str, object]:
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"id": key.id, "private": pem.decode(), "signs_from": key.signs_from.timestamp()}


class SigningKeys:
    """The keys of a file, read again when it has changed; a file that became unreadable changes nothing."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file. Raises SigningKeysError."""
        self._path = path
        self._clock = clock
        self._seen = self._signature()
        self._ring = read(path)
        self._look_at = clock() + _LOOK_SECONDS

    @property
    def ring(self) -> KeyRing:
        """Return the keys that hold now."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            seen = self._signature()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._ring = read(self._path)
                except SigningKeysError:
                    return self._ring
        return self._ring

    def _signature(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino
