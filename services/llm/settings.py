"""What the llm service reads from its environment."""

from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class LlmSettings(RuntimeSettings):
    """Settings of the llm service. A provider is configured by its own setting; with none, only the local one is."""

    service: ClassVar[str] = "llm"

    models_file: str = Field("", description="Capability table to use instead of the packaged one.")
    embedding_model: str = Field(
        "models/all-minilm-l6-v2",
        description="Model of vectors when a caller names none; an index holds one kind only.",
    )
    local_url: str = Field(
        "http://127.0.0.1:8090/v1", description="The model server of the embedded stack; empty does without."
    )
    openai_api_key: SecretStr = Field(SecretStr(""), description="Key for OpenAI; configures its models.")
    openai_base_url: str = Field("", description="Any server that speaks OpenAI's API, instead of OpenAI's own.")
    openai_organization: str = Field("", description="Organization that OpenAI bills, where the key has several.")
    openai_project: str = Field("", description="Project that OpenAI bills, where the key has several.")
    openai_checks_model: bool = Field(
        True, description="Refuse answers of another model than was asked; off for servers with names of their own."
    )
    bedrock_region: str = Field("", description="AWS region of Bedrock; configures its models.")
    bedrock_endpoint_url: str = Field("", description="Bedrock's address inside a VPC, instead of the public one.")
    bedrock_calls_at_once: int = Field(16, ge=1, le=256, description="Calls to Bedrock at the same time.")
    provider_timeout_seconds: float = Field(
        30.0, gt=0, description="Longest silence of a provider before it counts as failed."
    )
    local_timeout_seconds: float = Field(
        60.0, gt=0, description="The same for the local model server, where requests queue for the processor."
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="Redis of budgets, cached answers and shared health; empty does without all three."
    )
    database_url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL of keys, budgets and batches, as postgresql+asyncpg://role:password@host/database; "
        "empty does without all three.",
    )
    batch_at_once: int = Field(32, ge=1, le=1000, description="Items of batches on their way at the same time.")
    milvus_uri: str = Field(
        "", description="Milvus of similar questions; empty answers the same questions only, as it does without Redis."
    )
    openai_batch_from: int = Field(
        0, ge=0, description="Items from which on a batch of one OpenAI model is run as OpenAI's own; 0 runs none so."
    )
    spool_dir: str = Field(
        "", description="Folder on a local disk for usage records not delivered yet; empty delivers none."
    )
    spool_max_bytes: int = Field(
        256 << 20, ge=1 << 20, description="Most bytes of usage records kept while analytics is away."
    )
    http_port: int = Field(0, ge=0, le=65535, description="Port of OpenAI's protocol over HTTP (/v1); 0 serves none.")
    api_keys: SecretStr = Field(SecretStr(""), description="Keys accepted on /v1, separated by commas.")
    max_body_bytes: int = Field(4 << 20, ge=1024, description="Largest body accepted on /v1, in bytes.")
    difficulty: bool = Field(True, description="Judge how hard questions are, for policies that go by complexity.")
    max_calls: int = Field(1024, ge=1, description="Answers on their way at once; batches may be half of them.")
    vector_cache: int = Field(1024, ge=0, description="Vectors of queries to remember; 0 remembers none.")

    def accepted_api_keys(self) -> tuple[str, ...]:
        """Return the keys, without blanks."""
        return tuple(key.strip() for key in self.api_keys.get_secret_value().split(",") if key.strip())

    def providers(self) -> frozenset[str]:
        """Return the names of the providers that are configured."""
        openai = self.openai_api_key.get_secret_value() or self.openai_base_url
        configured = {"local": self.local_url, "openai": openai, "bedrock": self.bedrock_region}
        return frozenset(name for name, value in configured.items() if value)
