"""API keys, budgets that were set, who changed what, and a count of changes for replicas to look at."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. Of a key only the SHA-256 digest is kept; money is micro-USD."""
    for statement in _STATEMENTS:
        op.execute(statement)


_STATEMENTS = (
    """
    CREATE TABLE api_keys (
        key text PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        display_name text NOT NULL,
        tenant text NOT NULL,
        hint text NOT NULL,
        creator text NOT NULL,
        create_time timestamptz NOT NULL DEFAULT now(),
        expire_time timestamptz,
        revoke_time timestamptz)
    """,
    "CREATE INDEX api_keys_newest ON api_keys (create_time DESC, key)",
    """
    CREATE TABLE budgets (
        subject_kind text NOT NULL,
        subject text NOT NULL,
        lasts text NOT NULL,
        tokens bigint,
        micros bigint,
        updater text NOT NULL,
        update_time timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (subject_kind, subject, lasts))
    """,
    """
    CREATE TABLE audit_entries (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        create_time timestamptz NOT NULL DEFAULT now(),
        actor text NOT NULL,
        action text NOT NULL,
        resource text NOT NULL,
        detail text NOT NULL)
    """,
)
