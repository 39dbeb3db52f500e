"""Batches with their items, every attempt at one, and the jobs that providers run of them."""

from alembic import op

revision = "0002"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. Money is micro-USD; states are the numbers of services/llm/domain/batch.py."""
    for statement in _STATEMENTS:
        op.execute(statement)


_STATEMENTS = (
    """
    CREATE TABLE batches (
        key text PRIMARY KEY,
        request_id text NOT NULL DEFAULT '',
        display_name text NOT NULL,
        use_case text NOT NULL,
        model text NOT NULL,
        min_quality smallint NOT NULL,
        tenant text NOT NULL,
        user_id text NOT NULL,
        interrupted smallint NOT NULL,
        state smallint NOT NULL,
        provider text NOT NULL DEFAULT '',
        create_time timestamptz NOT NULL DEFAULT now(),
        start_time timestamptz,
        end_time timestamptz,
        wait_reason text NOT NULL DEFAULT '',
        resume_time timestamptz,
        look_time timestamptz)
    """,
    "CREATE UNIQUE INDEX batches_request ON batches (request_id) WHERE request_id <> ''",
    "CREATE INDEX batches_newest ON batches (create_time DESC, key)",
    "CREATE INDEX batches_unfinished ON batches (start_time) WHERE state IN (2, 3)",
    """
    CREATE TABLE batch_items (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        batch text NOT NULL REFERENCES batches ON DELETE CASCADE,
        key text NOT NULL,
        request bytea NOT NULL,
        state smallint NOT NULL DEFAULT 1,
        attempt integer NOT NULL DEFAULT 0,
        holder text NOT NULL DEFAULT '',
        lease_until timestamptz,
        job text NOT NULL DEFAULT '',
        answer bytea NOT NULL DEFAULT '',
        input_tokens bigint NOT NULL DEFAULT 0,
        output_tokens bigint NOT NULL DEFAULT 0,
        cached_input_tokens bigint NOT NULL DEFAULT 0,
        estimated boolean NOT NULL DEFAULT false,
        cost_micros bigint NOT NULL DEFAULT 0,
        error_reason text NOT NULL DEFAULT '',
        error_message text NOT NULL DEFAULT '',
        end_time timestamptz)
    """,
    "CREATE UNIQUE INDEX batch_items_keys ON batch_items (batch, key)",
    "CREATE INDEX batch_items_in_order ON batch_items (batch, position)",
    # What has not ended: few of many in a batch that ran for a while, and all that claiming reads.
    "CREATE INDEX batch_items_left ON batch_items (batch, state, position) WHERE state < 3",
    "CREATE INDEX batch_items_leased ON batch_items (lease_until) WHERE state = 2 AND lease_until IS NOT NULL",
    "CREATE INDEX batch_items_of_job ON batch_items (job, position) WHERE state = 2 AND job <> ''",
    # Committed before a provider is called: what was begun is known, however the process ends.
    """
    CREATE TABLE batch_attempts (
        position bigint NOT NULL REFERENCES batch_items ON DELETE CASCADE,
        attempt integer NOT NULL,
        holder text NOT NULL,
        begin_time timestamptz NOT NULL DEFAULT now(),
        end_time timestamptz,
        outcome smallint,
        PRIMARY KEY (position, attempt))
    """,
    """
    CREATE TABLE batch_jobs (
        key text PRIMARY KEY,
        batch text NOT NULL REFERENCES batches ON DELETE CASCADE,
        provider text NOT NULL,
        handle text NOT NULL DEFAULT '',
        closed boolean NOT NULL DEFAULT false,
        reason text NOT NULL DEFAULT '',
        holder text NOT NULL DEFAULT '',
        lease_until timestamptz,
        look_time timestamptz NOT NULL DEFAULT now(),
        create_time timestamptz NOT NULL DEFAULT now())
    """,
    "CREATE INDEX batch_jobs_open ON batch_jobs (look_time) WHERE NOT closed",
)
