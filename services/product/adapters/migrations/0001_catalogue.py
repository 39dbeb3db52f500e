"""Creates the catalogue: departments, products, what they are found by, and reviews."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = (
    """
    CREATE TABLE categories (
        id text COLLATE "C" PRIMARY KEY,
        title text NOT NULL,
        blurb text NOT NULL,
        tint text NOT NULL)
    """,
    """
    CREATE TABLE products (
        id text COLLATE "C" PRIMARY KEY,
        title text NOT NULL,
        title_key text COLLATE "C" NOT NULL,
        subtitle text NOT NULL,
        description text NOT NULL,
        category text COLLATE "C" NOT NULL REFERENCES categories (id),
        brand text NOT NULL,
        currency text NOT NULL,
        price_minor bigint NOT NULL CHECK (price_minor >= 0),
        list_price_minor bigint CHECK (list_price_minor > price_minor),
        stock_quantity integer NOT NULL CHECK (stock_quantity >= 0),
        attributes jsonb NOT NULL,
        tags jsonb NOT NULL,
        images jsonb NOT NULL,
        codes jsonb NOT NULL,
        state smallint NOT NULL,
        delivery_note text NOT NULL,
        etag text NOT NULL,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        rating_average double precision NOT NULL DEFAULT 0,
        rating_count integer NOT NULL DEFAULT 0,
        rating_score double precision GENERATED ALWAYS AS (
            CASE WHEN rating_count = 0 THEN 0
                 ELSE (rating_average * rating_count + 17.5::double precision) / (rating_count + 5) END) STORED)
    """,
    # One index an order; facets read the last one alone and never the rows.
    "CREATE INDEX products_newest ON products (state, create_time DESC, id DESC)",
    "CREATE INDEX products_price ON products (state, price_minor, id)",
    "CREATE INDEX products_rating ON products (state, rating_score DESC, id DESC)",
    "CREATE INDEX products_title ON products (state, title_key, id)",
    "CREATE INDEX products_category ON products (category, state, create_time DESC, id DESC)",
    """
    CREATE INDEX products_facets ON products (state)
    INCLUDE (category, brand, price_minor, list_price_minor, stock_quantity, rating_average)
    """,
    """
    CREATE TABLE search_documents (
        product_id text COLLATE "C" PRIMARY KEY,
        words_hash text NOT NULL,
        words tsvector NOT NULL)
    """,
    "CREATE INDEX search_documents_words ON search_documents USING gin (words)",
    """
    CREATE TABLE product_vectors (
        product_id text COLLATE "C" PRIMARY KEY,
        passage_hash text NOT NULL,
        model text NOT NULL,
        vector bytea NOT NULL)
    """,
    "CREATE SEQUENCE index_tickets",
    """
    CREATE TABLE pending_index (
        product_id text COLLATE "C" PRIMARY KEY,
        ticket bigint NOT NULL DEFAULT nextval('index_tickets'),
        leased_until timestamptz,
        retry_at timestamptz)
    """,
    "CREATE INDEX pending_index_order ON pending_index (retry_at NULLS FIRST, ticket)",
    """
    CREATE TABLE reviews (
        product_id text COLLATE "C" NOT NULL REFERENCES products (id) ON DELETE CASCADE,
        id text COLLATE "C" NOT NULL,
        author text NOT NULL,
        rating smallint NOT NULL CHECK (rating BETWEEN 1 AND 5),
        title text NOT NULL,
        body text NOT NULL,
        verified_purchase boolean NOT NULL,
        create_time timestamptz NOT NULL,
        mentions jsonb NOT NULL,
        PRIMARY KEY (product_id, id))
    """,
    "CREATE INDEX reviews_newest ON reviews (product_id, create_time DESC, id DESC)",
)


def upgrade() -> None:
    """Create everything."""
    for statement in _TABLES:
        op.execute(statement)
