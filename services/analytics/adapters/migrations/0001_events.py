"""The table of events."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table with its indexes by time."""
    op.execute("""
        CREATE TABLE events (
            event_id uuid PRIMARY KEY,
            type text NOT NULL,
            shopper text NOT NULL,
            session text NOT NULL DEFAULT '',
            product text NOT NULL DEFAULT '',
            query text NOT NULL DEFAULT '',
            result_count integer NOT NULL DEFAULT 0,
            quantity integer NOT NULL DEFAULT 0,
            value_minor bigint NOT NULL DEFAULT 0,
            currency text NOT NULL DEFAULT '',
            placement text NOT NULL DEFAULT '',
            event_time timestamptz NOT NULL,
            stored_at timestamptz NOT NULL DEFAULT now())""")
    op.execute("CREATE INDEX events_by_time ON events (event_time)")
    op.execute("CREATE INDEX events_by_type_and_time ON events (type, event_time)")
