"""The table of interactions."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table with its indexes by shopper, product, visit and time."""
    op.execute("""
        CREATE TABLE interactions (
            id uuid PRIMARY KEY,
            shopper text NOT NULL,
            session text NOT NULL,
            product text NOT NULL,
            kind text NOT NULL,
            time timestamptz NOT NULL)""")
    op.execute("CREATE INDEX interactions_by_shopper ON interactions (shopper, time DESC)")
    op.execute("CREATE INDEX interactions_by_product ON interactions (product, kind, session)")
    op.execute("CREATE INDEX interactions_by_session ON interactions (session, kind, product)")
    op.execute("CREATE INDEX interactions_by_time ON interactions (time)")
