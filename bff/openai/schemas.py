"""What OpenAI's clients send, as far as the models behind us can do it.

Fields that would change an answer and are not served are refused, never ignored; fields without effect on it are.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from bff.inputs import Text

ModelId = Annotated[str, StringConstraints(pattern=r"^(models/)?[A-Za-z0-9][A-Za-z0-9._:-]{0,119}$")]
_Stop = Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class TextPart(_Request):
    """A piece of what is said."""

    type: Literal["text"]
    text: Text


class Turn(_Request):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]

    @property
    def text(self) -> str:
        """Return what is said in one piece."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class StreamOptions(_Request):
    """How to stream."""

    include_usage: bool = False


class CompletionRequest(_Request):
    """Asks for text."""

    messages: list[Turn] = Field(min_length=1, max_length=200)
    model: ModelId = "auto"
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=32_768)
    max_completion_tokens: int | None = Field(None, ge=1, le=32_768)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    stop: _Stop | list[_Stop] | None = None
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)
    n: int | None = Field(None, ge=1, le=1)
    tools: list[Any] | None = Field(None, max_length=0)
    functions: list[Any] | None = Field(None, max_length=0)
    logprobs: Literal[False] | None = None
    frequency_penalty: float | None = Field(None, ge=0, le=0)
    presence_penalty: float | None = Field(None, ge=0, le=0)
    logit_bias: dict[str, Any] | None = Field(None, max_length=0)
    response_format: dict[str, Any] | None = None
    modalities: list[Literal["text"]] | None = None

    @field_validator("response_format")
    @classmethod
    def _only_text(cls, given: dict[str, Any] | None) -> dict[str, Any] | None:
        if given is not None and given.get("type") != "text":
            raise ValueError("only text is served")
        return given

    @field_validator("stop")
    @classmethod
    def _few(cls, given: str | list[str] | None) -> str | list[str] | None:
        if isinstance(given, list) and len(given) > 4:
            raise ValueError("at most 4 are served")
        return given

    @property
    def stops(self) -> list[str]:
        """Return the stop strings."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def wants_usage(self) -> bool:
        """Return whether a stream shall end with what it took."""
        return self.stream_options is not None and self.stream_options.include_usage


class EmbeddingRequest(_Request):
    """Asks for vectors."""

    input: Text | list[Text] = Field(description="Texts; tokens are not served.")
    model: ModelId = "auto"
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1, le=100_000)

    @field_validator("input")
    @classmethod
    def _something(cls, given: str | list[str]) -> str | list[str]:
        texts = [given] if isinstance(given, str) else given
        if not 1 <= len(texts) <= 2048:
            raise ValueError("1 to 2048 texts are served at once")
        if not all(texts):
            raise ValueError("no text may be empty")
        return given

    @property
    def texts(self) -> list[str]:
        """Return the texts."""
        return [self.input] if isinstance(self.input, str) else self.input
