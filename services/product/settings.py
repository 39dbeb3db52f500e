"""What the product service needs to know."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class ProductSettings(RuntimeSettings):
    """Settings of the product service."""

    service: ClassVar[str] = "product"

    database_url: SecretStr = Field(..., description="PostgreSQL, as postgresql+asyncpg://role:password@host/database.")
    database_pool_size: int = Field(8, ge=1, le=100, description="Connections kept open to PostgreSQL.")
    milvus_uri: str = Field("http://127.0.0.1:19530", description="Milvus server that holds the search index.")
    milvus_token: SecretStr = Field(SecretStr(""), description="Token of the Milvus server; empty when it wants none.")
    milvus_collection: str = Field("product_items", description="Collection of the search index.")
    milvus_vector_index: str = Field(
        "FLAT", description="Kind of vector index: FLAT is exact and right up to some 100,000 products, then HNSW."
    )
    embedding_model: str = Field("", description="Embedding model, as models/NAME; empty takes the llm service's own.")
    embedding_dimension: int = Field(384, ge=1, le=32768, description="Numbers in a vector of that model.")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency that price buckets are shown in.")
    media_dir: Path = Field(Path(".aisle/media"), description="Folder that pictures are kept in without a bucket.")
    media_signing_key: SecretStr = Field(..., description="Key that signs addresses of pictures in the folder.")
    media_bucket: str = Field("", description="S3 bucket that pictures are kept in; empty keeps them in the folder.")
    media_region: str = Field("", description="Region of the bucket; empty takes the process's own.")
    media_endpoint_url: str = Field("", description="Address of an S3-compatible store; empty means AWS.")
