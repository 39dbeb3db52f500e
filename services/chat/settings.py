"""Settings of the chat service."""

import socket
from typing import ClassVar

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class ChatSettings(RuntimeSettings):
    """What the chat process needs to know."""

    service: ClassVar[str] = "chat"

    database_url: SecretStr = Field(..., description="PostgreSQL, as postgresql+asyncpg://role:password@host/database.")
    milvus_uri: str = Field("http://127.0.0.1:19530", description="Milvus that finds passages.")
    milvus_token: SecretStr = Field(SecretStr(""), description="Token of the Milvus server; empty when it wants none.")
    passages_collection: str = Field(
        "chat_passages", pattern="^[A-Za-z_][A-Za-z0-9_]*$", description="Milvus collection of the passages."
    )
    replica: str = Field(
        "", description="Name of this replica, the same after a restart; empty means host name and port."
    )

    @property
    def holder(self) -> str:
        """The name under which this process claims the answers it writes."""
        return self.replica or f"{socket.gethostname()}:{self.listen_port}"
