"""The requests the model server accepts and the replies it gives, as OpenAI's API describes them."""

import base64
import json
import time
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from local.models.refusals import RefusedError, invalid

MAX_INPUTS = 256
MAX_TEXT = 32_768
MAX_CONVERSATION = 65_536

Text = Annotated[str, Field(max_length=MAX_TEXT)]
_Request = TypeVar("_Request", bound=BaseModel)


class _Wire(BaseModel):
    # Clients send fields that say nothing to this server (user, metadata, store); those are passed over.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class TextPart(_Wire):
    """A part of a message; only text is understood."""

    type: Literal["text"]
    text: Text


class Message(_Wire):
    """One message of the conversation so far."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]

    def plain(self) -> str:
        """The message's text. A control token of the chat template is broken, or a user could speak as the system."""
        content = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return content.replace("<|", "< |")


class StreamOptions(_Wire):
    """What a stream carries beside the tokens."""

    include_usage: bool = False


class ChatRequest(_Wire):
    """The body of POST /v1/chat/completions."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=128)
    max_tokens: int | None = Field(None, ge=1, le=8192)
    max_completion_tokens: int | None = Field(None, ge=1, le=8192)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**32)
    stop: (
        Annotated[str, Field(min_length=1, max_length=200)]
        | list[Annotated[str, Field(min_length=1, max_length=200)]]
        | None
    ) = None
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    n: Literal[1] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Any] | None = Field(None, max_length=0)
    response_format: dict[str, Any] | None = None

    @field_validator("stop")
    @classmethod
    def _few_stops(cls, stop: str | list[str] | None) -> str | list[str] | None:
        if isinstance(stop, list) and len(stop) > 4:
            raise ValueError("at most four stop sequences are allowed")
        return stop

    @field_validator("response_format")
    @classmethod
    def _text_only(cls, wanted: dict[str, Any] | None) -> dict[str, Any] | None:
        if wanted is not None and wanted.get("type") != "text":
            raise ValueError("this model answers in plain text only")
        return wanted

    @model_validator(mode="after")
    def _short_conversation(self) -> Self:
        if sum(len(message.plain()) for message in self.messages) > MAX_CONVERSATION:
            raise ValueError(f"the messages together are longer than {MAX_CONVERSATION} characters")
        return self

    def answer_limit(self, default: int = 512) -> int:
        """The most tokens the answer may have."""
        return self.max_completion_tokens or self.max_tokens or default

    def stops(self) -> list[str]:
        """The sequences that end the answer."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class EmbeddingRequest(_Wire):
    """The body of POST /v1/embeddings."""

    model: str
    input: Text | list[Text]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @model_validator(mode="after")
    def _some_text(self) -> Self:
        if not 1 <= len(self.texts()) <= MAX_INPUTS:
            raise ValueError(f"between 1 and {MAX_INPUTS} texts can be embedded at once")
        if not all(self.texts()):
            raise ValueError("an empty text cannot be embedded")
        return self

    def texts(self) -> list[str]:
        """The texts to embed, always as a list."""
        return [self.input] if isinstance(self.input, str) else self.input


def parse(kind: type[_Request], body: bytes) -> _Request:
    """Reads a request body, or says in one sentence what is wrong with it."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _explained(error) from error


def _explained(error: ValidationError) -> RefusedError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # Only the field's own name: what follows it can be the validator's private naming of alternatives.
    param = str(first["loc"][0]) if first["loc"] else None
    message = first["msg"].removeprefix("Value error, ")
    return invalid(f"{message} ({param})" if param else message, param)


def embedding_reply(model: str, vectors: NDArray[np.float32], tokens: int, encoding: str) -> dict[str, Any]:
    """The reply to an embeddings request."""
    if encoding == "base64":
        encoded: list[Any] = [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
    else:
        encoded = vectors.tolist()
    return {
        "object": "list",
        "model": model,
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(encoded)],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


class ChatReply:
    """Words the replies to one chat request, which all carry the same id."""

    def __init__(self, identifier: str, model: str) -> None:
        self._head = {"id": identifier, "created": int(time.time()), "model": model}

    def whole(self, text: str, finish: str, usage: dict[str, int]) -> dict[str, Any]:
        """The complete answer of a request that does not stream."""
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage}

    def chunk(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        """A piece of a streamed answer, as a server-sent event."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event({**self._head, "object": "chat.completion.chunk", "choices": [choice]})

    def usage(self, usage: dict[str, int]) -> bytes:
        """The last piece of a streamed answer, when the client asked for it."""
        return event({**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage})


def event(data: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


STREAM_END = b"data: [DONE]\n\n"
