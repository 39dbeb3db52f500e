"""What the model server can be told from outside, read once when it starts."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Precision(StrEnum):
    """How the graph keeps and multiplies its weight matrices."""

    FLOAT32 = "fp32"
    INT8 = "int8"


class ModelServerSettings(BaseSettings):
    """Settings of the embedded model server, each an `AISLE_MODELS_` variable."""

    model_config = SettingsConfigDict(env_prefix="AISLE_MODELS_", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on; there is no authentication, so keep it loopback.")
    port: int = Field(8090, ge=0, le=65535, description="Port to listen on.")
    home: Path = Field(Path(".aisle/models"), description="Folder for the encoder graph built from packaged weights.")
    chat_slots: int = Field(2, ge=1, le=8, description="Generations at once; each reserves its context's memory.")
    chat_waiting: int = Field(16, ge=0, description="Generations that may wait for a slot before more are refused.")
    chat_context: int = Field(4096, ge=512, le=8192, description="Tokens of prompt and answer together, per slot.")
    chat_threads: int = Field(1, ge=1, description="Threads that write tokens; more only on a machine to itself.")
    prompt_threads: int = Field(1, ge=1, description="Threads that read prompts; more only on a machine to itself.")
    embedding_precision: Precision = Field(Precision.FLOAT32, description="fp32 is exact; int8 is twice as fast.")
    embedding_threads: int = Field(2, ge=1, description="Threads for one pass of the sentence encoder.")
    embedding_waiting: int = Field(4096, ge=256, description="Texts to wait for the encoder before more are refused.")
    body_limit: int = Field(4 * 2**20, ge=1024, description="Largest request body in bytes.")
    drain_seconds: int = Field(8, ge=0, description="How long running requests may finish after SIGTERM.")
