"""Settings of the analytics service."""

from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class AnalyticsSettings(RuntimeSettings):
    """What the analytics process needs to know."""

    service: ClassVar[str] = "analytics"

    database_url: SecretStr = Field(..., description="PostgreSQL, as postgresql+asyncpg://role:password@host/database.")
    redis_url: SecretStr = Field(..., description="Redis that carries the stream of events.")
    consumer: str = Field("analytics-1", description="Name of this replica among the stream's consumers.")
    batch_size: int = Field(500, ge=1, le=5000, description="Events stored in one transaction at the most.")
    usage_record_days: int = Field(
        90, ge=32, le=3650, description="Days single records of calls to language models are kept."
    )
    usage_sum_days: int = Field(800, ge=32, le=3650, description="Days the sums of those records are kept.")
