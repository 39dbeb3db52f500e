"""When a request goes out twice by itself: over a connection that was dead, never to a server that was at work."""

import asyncio
from dataclasses import dataclass, field

import pytest

from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import Message, Prompt, ProviderEvent, Role
from tests.fakes.llm_http_server import Exchange, listening
from tests.fakes.llm_models import CHEAP

PROMPT = Prompt([Message(Role.USER, "Returns?")])
ANSWER = (
    b'{"id": "c", "model": "text", "choices": [{"message": {"content": "Free."}, "finish_reason": "stop"}],'
    b' "usage": {"prompt_tokens": 1, "completion_tokens": 1}}'
)


@dataclass
class DyingServer:
    """Answers once, and hangs up on the second request after some seconds of work."""

    works: float
    asked: int = 0
    seen: list[str] = field(default_factory=list)

    async def handle(self, exchange: Exchange) -> bool:
        self.asked += 1
        if self.asked == 2:
            await asyncio.sleep(self.works)
            return False
        await exchange.whole(200, ANSWER)
        return True


async def asked(provider: OpenAIProvider) -> list[ProviderEvent]:
    return [event async for event in provider.generate(CHEAP, PROMPT, False)]


async def test_a_server_that_was_at_work_is_not_asked_again() -> None:
    server = DyingServer(works=1.2)
    async with listening(server.handle) as port, OpenAIProvider("k", f"http://127.0.0.1:{port}/v1", 5.0) as provider:
        await asked(provider)
        with pytest.raises(ProviderFailed) as caught:
            await asked(provider)
    assert caught.value.kind is FailureKind.BROKEN
    assert server.asked == 2


async def test_a_kept_connection_that_was_dead_costs_no_call() -> None:
    server = DyingServer(works=0.0)
    async with listening(server.handle) as port, OpenAIProvider("k", f"http://127.0.0.1:{port}/v1", 5.0) as provider:
        await asked(provider)
        await asked(provider)
    assert server.asked == 3
