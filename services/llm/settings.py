"""What the llm service reads from its environment."""

import re
from typing import ClassVar

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from services.runtime.settings import RuntimeSettings

# Bedrock runs no batch of fewer.
_LEAST_OF_BEDROCK = 100
_FOLDER = re.compile(r"s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](/[-!_*'().a-zA-Z0-9]+)*/?")
_ROLE = re.compile(r"arn:aws(-[^:]+)?:iam::\d{12}:role/.+")


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
    milvus_token: SecretStr = Field(SecretStr(""), description="Token of the Milvus server; empty when it wants none.")
    openai_batch_from: int = Field(
        0, ge=0, description="Items from which on a batch of one OpenAI model is run as OpenAI's own; 0 runs none so."
    )
    bedrock_batch_from: int = Field(
        0, ge=0, description="The same for models of Bedrock: 0, or at least 100, which is the least that it takes."
    )
    bedrock_batch_folder: str = Field(
        "",
        validate_default=True,
        description="Folder of Bedrock's batches as s3://bucket/prefix, in its region; for nothing else. "
        "While it is set, batches begun there are followed.",
    )
    bedrock_batch_role_arn: str = Field(
        "", validate_default=True, description="ARN of the role with which Bedrock reads and writes that folder."
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

    @field_validator("bedrock_batch_from")
    @classmethod
    def _large_enough(cls, value: int, info: ValidationInfo) -> int:
        if 0 < value < _LEAST_OF_BEDROCK:
            raise ValueError(f"Bedrock takes no batch of fewer than {_LEAST_OF_BEDROCK} items")
        if value and not info.data.get("bedrock_region"):
            raise ValueError("needs AISLE_LLM_BEDROCK_REGION")
        return value

    @field_validator("bedrock_batch_folder")
    @classmethod
    def _is_folder(cls, value: str) -> str:
        if value and not _FOLDER.fullmatch(value):
            raise ValueError("is not an address like s3://bucket/prefix")
        return value

    @field_validator("bedrock_batch_role_arn")
    @classmethod
    def _is_role(cls, value: str) -> str:
        if value and not _ROLE.fullmatch(value):
            raise ValueError("is not the ARN of a role")
        return value

    @field_validator("bedrock_batch_folder", "bedrock_batch_role_arn")
    @classmethod
    def _all_or_none(cls, value: str, info: ValidationInfo) -> str:
        # What was refused before is not among the data: then something was set.
        if info.data.get("bedrock_batch_from", 1) and not value:
            raise ValueError("is needed where AISLE_LLM_BEDROCK_BATCH_FROM is set")
        if info.field_name == "bedrock_batch_role_arn" and bool(value) != bool(
            info.data.get("bedrock_batch_folder", 1)
        ):
            raise ValueError("goes together with AISLE_LLM_BEDROCK_BATCH_FOLDER: both or none")
        return value

    def own_batches(self) -> dict[str, int]:
        """Return the providers whose own batches are begun, and from how many items on."""
        wanted = {"openai": self.openai_batch_from, "bedrock": self.bedrock_batch_from}
        return {name: least for name, least in wanted.items() if least and name in self.providers()}

    def accepted_api_keys(self) -> tuple[str, ...]:
        """Return the keys, without blanks."""
        return tuple(key.strip() for key in self.api_keys.get_secret_value().split(",") if key.strip())

    def providers(self) -> frozenset[str]:
        """Return the names of the providers that are configured."""
        openai = self.openai_api_key.get_secret_value() or self.openai_base_url
        configured = {"local": self.local_url, "openai": openai, "bedrock": self.bedrock_region}
        return frozenset(name for name, value in configured.items() if value)
