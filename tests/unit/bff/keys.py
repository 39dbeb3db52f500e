"""The keys that sign tokens in tests of the BFF: made once, so that what one signs is good in the other."""

from datetime import UTC, datetime

from bff.auth.signing_keys import KeyRing, SigningKey

KEYS = KeyRing([SigningKey.new(datetime(2026, 1, 1, tzinfo=UTC))])
