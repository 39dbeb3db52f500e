"""Keys that change while tokens live: each token is good until its own end, whoever signed it."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bff.auth.accounts import Account
from bff.auth.signing_keys import (
    KEPT_AFTER,
    PUBLISHED_BEFORE,
    KeyRing,
    SigningKey,
    SigningKeys,
    SigningKeysError,
    prepare,
    read,
    write,
)
from bff.auth.tokens import AccessTokens

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MAYA = Account("maya", "maya@shop.example", "Maya", "shopper", "")


def test_new_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_have_ended() -> None:
    ring = KeyRing([SigningKey.new(BEGIN)])
    old = ring.keys[0]
    now = BEGIN + timedelta(days=30)
    ring = ring.rotated(now)
    assert len(ring.jwks()["keys"]) == 2
    assert ring.signing(now) is old
    new = ring.signing(now + PUBLISHED_BEFORE)
    assert new is not old
    kept = ring.rotated(now + KEPT_AFTER)
    assert old in kept.keys
    assert old not in kept.rotated(now + PUBLISHED_BEFORE + KEPT_AFTER + timedelta(seconds=1)).keys


def test_token_of_the_old_key_stays_good_after_the_change(tmp_path: Path) -> None:
    clock = [0.0]
    path = tmp_path / "keys.json"
    write(path, KeyRing([SigningKey.new(BEGIN)]))
    keys = SigningKeys(path, lambda: clock[0])
    tokens = AccessTokens(keys, timedelta(minutes=15))
    old = tokens.issue(MAYA)
    write(path, read(path).rotated(datetime.now(UTC), published_before=timedelta(0)))
    clock[0] += 2.0
    new = tokens.issue(MAYA)
    assert tokens.check(old).subject == tokens.check(new).subject == "maya"
    assert len(tokens.published()["keys"]) == 2


def test_published_keys_have_no_private_part_and_nothing_prints_one(tmp_path: Path) -> None:
    ring = KeyRing([SigningKey.new(BEGIN)])
    assert set(ring.jwks()["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert "PRIVATE" not in repr(ring.keys[0]) and "private" not in repr(ring.keys[0])


def test_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    prepare(path, BEGIN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    prepare(path, BEGIN + timedelta(days=1))
    assert path.read_text() == first
    prepare(path, BEGIN + timedelta(days=40))
    assert len(read(path).keys) == 2


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"keys": []}', '{"keys": [{"id": "a", "signs_from": 1, "private": "x"}]}']
)
def test_file_that_is_no_use_is_said_without_what_stands_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(SigningKeysError) as caught:
        read(path)
    assert not text or text not in str(caught.value)


def test_file_that_broke_later_changes_nothing(tmp_path: Path) -> None:
    clock = [0.0]
    path = tmp_path / "keys.json"
    prepare(path, BEGIN)
    keys = SigningKeys(path, lambda: clock[0])
    before = keys.ring
    path.write_text("broken")
    clock[0] += 2.0
    assert keys.ring is before
