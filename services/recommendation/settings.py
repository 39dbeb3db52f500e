"""Settings of the recommendation service."""

from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class RecommendationSettings(RuntimeSettings):
    """What the recommendation process needs to know."""

    service: ClassVar[str] = "recommendation"

    database_url: SecretStr = Field(..., description="PostgreSQL, as postgresql+asyncpg://role:password@host/database.")
    redis_url: SecretStr = Field(..., description="Redis with the stream of events and the kept answers.")
    milvus_uri: str = Field("http://127.0.0.1:19530", description="Milvus with the product service's vectors.")
    milvus_token: SecretStr = Field(SecretStr(""), description="Token of the Milvus server; empty when it wants none.")
    items_collection: str = Field("product_items", description="Collection the product service writes.")
    consumer: str = Field("recommendation-1", description="Name of this replica among the stream's consumers.")
    batch_size: int = Field(500, ge=1, le=5000, description="Interactions learnt in one transaction at the most.")
    answer_seconds: int = Field(600, ge=1, description="Seconds an answer is kept.")
