"""What the BFF needs to know, read once from the environment."""

from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class BffSettings(RuntimeSettings):
    """Settings of the BFF process."""

    service: ClassVar[str] = "bff"

    listen_port: int = Field(8081, ge=1, le=65535, description="Port to listen on.")
    database_url: SecretStr = Field(..., description="PostgreSQL that keeps the accounts, `postgresql+asyncpg://…`.")
    jwt_key: SecretStr = Field(..., min_length=32, description="Key that signs access tokens, 32 characters or more.")
    access_token_minutes: float = Field(15, gt=0, description="Minutes an access token is good for.")
    refresh_token_days: float = Field(14, gt=0, description="Days a refresh token is good for.")
    demo_accounts: bool = Field(False, description="Whether the demo shopper and the demo admin are created at start.")
    demo_password: SecretStr = Field(SecretStr("lantern-and-loom"), description="Password of the demo accounts.")
    static_dir: str = Field("", description="Folder of the built front end; empty serves none.")
    media_dir: str = Field("", description="Folder of product pictures; empty when they live in S3.")
    media_signing_key: SecretStr = Field(SecretStr(""), description="Key that signs addresses of product pictures.")
    media_origins: str = Field("", description="Other origins pictures may come from, separated by spaces.")
    trusted_proxies: str = Field(
        "127.0.0.1", description="Addresses whose X-Forwarded-* headers are believed, separated by commas."
    )
    envoy_admin_address: str = Field("127.0.0.1:9901", description="Envoy's admin listener, asked about the mesh.")
    max_body_bytes: int = Field(1 << 20, ge=1024, description="Largest request body under /api, in bytes.")
    max_frame_bytes: int = Field(64 << 10, ge=1024, description="Largest WebSocket message taken, in bytes.")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency in which reports count money.")
