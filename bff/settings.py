"""What the BFF needs to know, read once from the environment."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from services.runtime.settings import RuntimeSettings


class BffSettings(RuntimeSettings):
    """Settings of the BFF process."""

    service: ClassVar[str] = "bff"

    listen_port: int = Field(8081, ge=1, le=65535, description="Port to listen on.")
    database_url: SecretStr = Field(..., description="PostgreSQL that keeps the accounts, `postgresql+asyncpg://…`.")
    signing_keys: Path = Field(..., description="File of the keys that sign access tokens (`aisle signing-keys`).")
    access_token_minutes: float = Field(15, gt=0, description="Minutes an access token is good for.")
    refresh_token_days: float = Field(14, gt=0, description="Days a refresh token is good for.")
    public_origins: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+( |$))*$",
        description="Origins the shop is opened at, such as `https://shop.example`, separated by spaces; empty takes "
        "the host a request names.",
    )
    oidc_issuer: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="Address of an OpenID Connect issuer people may sign in with as well; empty for none.",
    )
    oidc_name: str = Field("your company account", description="What the sign-in page calls that issuer.")
    oidc_client_id: str = Field("", description="Our name there.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Our secret there; empty for a public client.")
    oidc_scopes: str = Field("openid email profile", description="What is asked of it.")
    oidc_audience: str = Field(
        "", description="Audience of its access tokens that are taken as ours are; empty takes none."
    )
    oidc_jwks_url: str = Field("", description="Where its keys are, if not where its discovery document says.")
    oidc_role_claim: str = Field("roles", description="Claim that names roles, dots for claims within claims.")
    oidc_admin_role: str = Field("", description="Role there that makes staff here; empty makes nobody staff.")
    oidc_trust_emails: bool = Field(
        False, description="Whether its email addresses count as verified although it does not say that they are."
    )
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
    traces_elsewhere: str = Field(
        "",
        pattern=r"^(https://[^\s]+)?$",
        description="Address where traces are looked up, with `{trace_id}` or `{xray_id}` in it, where no "
        "collector in the mesh answers for them; empty asks that collector.",
    )
    max_body_bytes: int = Field(1 << 20, ge=1024, description="Largest request body under /api, in bytes.")
    max_frame_bytes: int = Field(64 << 10, ge=1024, description="Largest WebSocket message taken, in bytes.")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency in which reports count money.")

    @model_validator(mode="after")
    def _issuer_is_complete(self) -> Self:
        if self.oidc_issuer and not (self.oidc_client_id and self.public_origins):
            raise ValueError("an issuer needs oidc_client_id, and public_origins to come back to")
        if self.oidc_issuer and self.oidc_audience == self.oidc_client_id:
            # Else a token that says who signed in would pass as one that lets its bearer in.
            raise ValueError("oidc_audience must be another than oidc_client_id")
        return self
