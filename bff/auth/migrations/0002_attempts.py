"""Attempts to sign in, by the fingerprint of who or where."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    "CREATE TABLE attempts (key bytea PRIMARY KEY, times timestamptz[] NOT NULL, expire_time timestamptz NOT NULL)",
    "CREATE INDEX attempts_expire_time ON attempts (expire_time)",
)


def upgrade() -> None:
    """Create the table."""
    for statement in _STATEMENTS:
        op.execute(statement)
