"""Conversations with their messages; articles with their passages."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)


_STATEMENTS = (
    """
    CREATE TABLE conversations (
        key text PRIMARY KEY,
        owner text NOT NULL,
        title text NOT NULL,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        answering text NOT NULL DEFAULT '',
        holder text NOT NULL DEFAULT '',
        lease_until timestamptz)
    """,
    # Few conversations are being answered at a time: the sweep reads only those.
    "CREATE INDEX conversations_answering ON conversations (lease_until) WHERE answering <> ''",
    """
    CREATE TABLE messages (
        key text PRIMARY KEY,
        conversation text NOT NULL REFERENCES conversations ON DELETE CASCADE,
        position bigint GENERATED ALWAYS AS IDENTITY,
        author smallint NOT NULL,
        text text NOT NULL,
        citations jsonb NOT NULL DEFAULT '[]',
        products text[] NOT NULL DEFAULT '{}',
        degraded text[] NOT NULL DEFAULT '{}',
        state smallint NOT NULL,
        create_time timestamptz NOT NULL,
        request_id text NOT NULL DEFAULT '',
        fingerprint text NOT NULL DEFAULT '',
        reply_to text NOT NULL DEFAULT '')
    """,
    "CREATE INDEX messages_in_order ON messages (conversation, position)",
    "CREATE UNIQUE INDEX messages_request ON messages (conversation, request_id) WHERE request_id <> ''",
    "CREATE INDEX messages_reply ON messages (conversation, reply_to) WHERE reply_to <> ''",
    "CREATE SEQUENCE article_versions",
    """
    CREATE TABLE articles (
        key text PRIMARY KEY,
        title text NOT NULL,
        topic text NOT NULL,
        body text NOT NULL,
        update_time timestamptz NOT NULL,
        version bigint NOT NULL,
        pending boolean NOT NULL)
    """,
    "CREATE INDEX articles_by_title ON articles (title, key)",
    "CREATE INDEX articles_pending ON articles (version) WHERE pending",
    """
    CREATE TABLE passages (
        key text PRIMARY KEY,
        article text NOT NULL REFERENCES articles ON DELETE CASCADE,
        position integer NOT NULL,
        title text NOT NULL,
        section text NOT NULL,
        text text NOT NULL,
        model text NOT NULL DEFAULT '',
        vector bytea NOT NULL DEFAULT '',
        sentence_vectors bytea NOT NULL DEFAULT '',
        words tsvector GENERATED ALWAYS AS
            (to_tsvector('english', title || ' ' || section || ' ' || text)) STORED)
    """,
    "CREATE INDEX passages_of_article ON passages (article, position)",
    "CREATE INDEX passages_words ON passages USING gin (words)",
)
