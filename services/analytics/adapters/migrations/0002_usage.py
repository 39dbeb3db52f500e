"""The records of calls to language models, and their sums by day."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables. Durations are microseconds, money is micro-USD."""
    _records()
    _indexes()
    _days()


def _records() -> None:
    op.execute("""
        CREATE TABLE usage_records (
            record_id uuid PRIMARY KEY,
            record_time timestamptz NOT NULL,
            operation text NOT NULL,
            provider text NOT NULL,
            model text NOT NULL,
            use_case text NOT NULL,
            outcome text NOT NULL,
            tenant text NOT NULL,
            user_id text NOT NULL,
            api_key text NOT NULL,
            prompt_version text NOT NULL,
            cache text NOT NULL,
            input_tokens bigint NOT NULL,
            output_tokens bigint NOT NULL,
            cached_input_tokens bigint NOT NULL,
            cache_write_tokens bigint NOT NULL,
            cache_write_1h_tokens bigint NOT NULL,
            reasoning_tokens bigint NOT NULL,
            estimated boolean NOT NULL,
            cost_micros bigint NOT NULL,
            saved_micros bigint NOT NULL,
            latency bigint NOT NULL,
            first_token bigint NOT NULL,
            latency_bucket smallint,
            first_token_bucket smallint,
            route_reason text NOT NULL,
            degraded text NOT NULL,
            attempt integer NOT NULL,
            hedge boolean NOT NULL,
            batch boolean NOT NULL,
            price_date text NOT NULL)""")


def _indexes() -> None:
    # With what it takes to find the most expensive users, so that the table itself need not be read for it.
    op.execute("""
        CREATE INDEX usage_records_by_time ON usage_records (record_time, record_id)
        INCLUDE (user_id, cost_micros)""")
    op.execute("CREATE INDEX usage_records_by_user ON usage_records (user_id, record_time)")
    op.execute("""
        CREATE INDEX usage_records_failed ON usage_records (record_time, record_id)
        WHERE outcome NOT IN ('ok', 'left', 'outrun')""")


def _days() -> None:
    # A series has one row a day. Its histograms hold a number per bucket with calls: bucket * 2^40 + calls.
    op.execute("""
        CREATE TABLE usage_days (
            day date NOT NULL,
            overall boolean NOT NULL,
            operation text NOT NULL,
            provider text NOT NULL,
            model text NOT NULL,
            use_case text NOT NULL,
            outcome text NOT NULL,
            tenant text NOT NULL,
            api_key text NOT NULL,
            prompt_version text NOT NULL,
            cache text NOT NULL,
            calls bigint NOT NULL,
            input_tokens bigint NOT NULL,
            output_tokens bigint NOT NULL,
            cached_input_tokens bigint NOT NULL,
            reasoning_tokens bigint NOT NULL,
            cost_micros bigint NOT NULL,
            saved_micros bigint NOT NULL,
            hedges bigint NOT NULL,
            degraded bigint NOT NULL,
            estimated bigint NOT NULL,
            answered bigint NOT NULL,
            attempts bigint NOT NULL,
            first_token bigint[] NOT NULL,
            latency bigint[] NOT NULL,
            PRIMARY KEY (overall, day, operation, provider, model, use_case, outcome,
                         tenant, api_key, prompt_version, cache))""")
