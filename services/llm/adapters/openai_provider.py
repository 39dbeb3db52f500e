"""OpenAI, or any server that speaks its API."""

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from services.llm.adapters.openai_wire import OpenAIWire
from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import Prompt, ProviderEvent
from services.llm.domain.model import Model

OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 3.0


def limit_field(url: str) -> str:
    """Return what a server calls the most tokens of an answer: OpenAI has given up the name that all others take."""
    hosted = (urlsplit(url).hostname or "").endswith((".openai.com", ".azure.com"))
    return "max_completion_tokens" if hosted else "max_tokens"


class OpenAIProvider:
    """A `TextProvider` and `EmbeddingProvider`."""

    limits = EmbeddingLimits(texts_per_call=64, calls_at_once=4)
    probe_seconds = 60.0

    def __init__(
        self,
        api_key: str,
        base_url: str,
        timeout: float,
        *,
        organization: str = "",
        project: str = "",
        checks_model: bool = True,
    ) -> None:
        """Take the key, another server's address if it is not OpenAI's, and the longest silence in seconds.

        Organization and project are whom OpenAI bills, where a key belongs to several. `checks_model` refuses answers
        of another model than was asked; a server that gives its models names of its own cannot have it.
        """
        url = base_url or OPENAI_URL
        headers = {"authorization": f"Bearer {api_key or 'none'}"}
        if organization:
            headers["openai-organization"] = organization
        if project:
            headers["openai-project"] = project
        self._wire = OpenAIWire(url, headers, timeout, _CONNECT_SECONDS, limit_field(url), checks_model)

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._wire.__aexit__(kind, error, trace)

    def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Yield an answer. The wire's own generator: every layer in between would cost each delta."""
        return self._wire.generate(model, prompt, stream)

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return the vectors of the texts."""
        return await self._wire.embed(model, texts)

    async def offered(self) -> frozenset[str] | None:
        """Return the ids the server lists; servers without a list are taken at their word."""
        try:
            return await self._wire.offered(_CONNECT_SECONDS)
        except ProviderFailed as failed:
            if failed.kind is FailureKind.GONE:
                return None
            raise
