"""Accounts, and the refresh tokens they hold."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """
    CREATE TABLE accounts (
        id text PRIMARY KEY,
        email text NOT NULL,
        name text NOT NULL,
        role text NOT NULL CHECK (role IN ('shopper', 'admin')),
        password_hash text NOT NULL,
        create_time timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX accounts_email ON accounts (lower(email))",
    """
    CREATE TABLE refresh_tokens (
        token_hash bytea PRIMARY KEY,
        family uuid NOT NULL,
        account_id text NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        create_time timestamptz NOT NULL DEFAULT now(),
        expire_time timestamptz NOT NULL,
        used_time timestamptz
    )
    """,
    "CREATE INDEX refresh_tokens_family ON refresh_tokens (family)",
    "CREATE INDEX refresh_tokens_account ON refresh_tokens (account_id, expire_time)",
)


def upgrade() -> None:
    """Create the tables in the schema that comes first on the search path."""
    for statement in _STATEMENTS:
        op.execute(statement)
