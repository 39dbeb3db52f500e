"""What is asked of a text model, and the events of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from services.llm.domain.model import Model, Quality
from services.llm.domain.usage import TokenUsage

DEFAULT_OUTPUT_TOKENS = 512
# Whom calls belong to that name no tenant.
SHOP = "tenants/shop"


class Role(Enum):
    """Who speaks in a conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class FinishReason(Enum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    TOOL_CALLS = "tool_calls"


class Privacy(Enum):
    """Whether an answer may be shown to others; the numbers are those of the contract."""

    BY_CONTENT = 0
    SHARED = 1
    PERSONAL = 2


class CacheUse(Enum):
    """How the cache of answers is used; the numbers are those of the contract."""

    BY_POLICY = 0
    OFF = 1
    EXACT = 2
    SIMILAR = 3


class CacheOutcome(Enum):
    """Where an answer came from; the numbers are those of the contract."""

    NOT_ASKED = 0
    MISS = 1
    EXACT = 2
    SIMILAR = 3
    SHARED = 4


class Priority(Enum):
    """Who waits; the numbers are those of the contract."""

    INTERACTIVE = 0
    BATCH = 1


class ToolChoiceMode(Enum):
    """Whether tools are called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


class FormatKind(Enum):
    """Kinds of shapes of an answer."""

    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may ask its caller to run; `schema` is JSON text, empty when it takes no arguments."""

    name: str
    description: str = ""
    schema: str = ""
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to have a function run; always whole. `arguments` is the text of a JSON object."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether and which tools are called."""

    mode: ToolChoiceMode = ToolChoiceMode.AUTO
    name: str = ""


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The shape an answer must have; `schema` is JSON text."""

    kind: FormatKind = FormatKind.TEXT
    name: str = ""
    schema: str = ""
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A picture to look at."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str
    tool_calls: Sequence[ToolCall] = ()
    # Which call this is the result of; in turns of a tool only.
    tool_call_id: str = ""
    images: Sequence[Image] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a provider is given. None means the model's own default."""

    messages: Sequence[Message]
    max_output_tokens: int = DEFAULT_OUTPUT_TOKENS
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = ToolChoice()
    response_format: ResponseFormat = ResponseFormat()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A prompt, whose it is, and what is asked of the model that answers it."""

    prompt: Prompt
    # Empty lets the router choose.
    model: str = ""
    use_case: str = "default"
    min_quality: Quality = Quality.ANY
    tenant: str = SHOP
    # An opaque id of who is behind the call; empty when nobody is known.
    user: str = ""
    # The API key's resource name, when the call came with one.
    api_key: str = ""
    prompt_version: str = ""
    privacy: Privacy = Privacy.BY_CONTENT
    cache_use: CacheUse = CacheUse.BY_POLICY
    cache_tags: Sequence[str] = ()
    priority: Priority = Priority.INTERACTIVE
    accepts_restart: bool = False
    # False asks the provider for the whole answer at once.
    stream: bool = True
    # Whether it is an item of a batch: nobody waits, and after a failure that may be paid nobody else is asked.
    batch: bool = False
    # Names the usage record of the first model that is asked, for ever; those of further ones are named after it.
    record_id: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The provider is done; without usage when it does not count."""

    reason: FinishReason
    usage: TokenUsage | None = None
    # What the provider says answered, and its own id of the call; empty when it does not say.
    served_model: str = ""
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """Which model answers, and why; always the first event."""

    requested_model: str
    model: Model
    route_reason: str


@dataclass(frozen=True, slots=True)
class Continued:
    """The model failed in the middle; another one goes on from the text so far."""

    attempt: int
    model: Model
    reason: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The model failed in the middle; another one begins anew, and what was said so far is void."""

    attempt: int
    model: Model
    reason: str
    discard_bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The text is whole; always the last event."""

    reason: FinishReason
    usage: TokenUsage
    degraded: Sequence[str] = ()
    cost_micros: int = 0
    cache: CacheOutcome = CacheOutcome.NOT_ASKED
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as it is cached and as a unary call returns it."""

    started: Started
    finished: Finished
    text: str = ""
    tool_calls: Sequence[ToolCall] = field(default=())


# What an adapter yields: text as it comes, tool calls only once they are whole, `Ended` last and exactly once.
ProviderEvent = TextDelta | ToolCall | Ended
# What a use case yields: `Started` first, `Finished` last.
GenerationEvent = Started | TextDelta | ToolCall | Continued | Restarted | Finished
