"""What a mock of OpenAI that judges its clients says of the gateway: no retry too early, none too many, no half answer
taken for a whole one.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.application.generate_text import GenerateText
from services.llm.domain.generation import (
    Finished,
    FormatKind,
    Message,
    Prompt,
    ResponseFormat,
    Restarted,
    Role,
    TextDelta,
    Wanted,
)
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Quality
from services.runtime.errors import Retryable
from tests.fakes.llm_models import CHEAP, FixedModels
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

SAID = '{"drink": "warm tea in a brown pot", "and": "a second cup for whoever comes late"}'
# An answer of a given shape is held back until it is whole, so one that breaks off is asked for anew in the same words:
# what the mock takes for a retry. Going on from half an answer is another request, which it cannot tell from giving up.
WANTED = Wanted(
    Prompt([Message(Role.USER, "Describe it as JSON.")], response_format=ResponseFormat(FormatKind.JSON_OBJECT)),
    min_quality=Quality.ANY,
    accepts_restart=True,
)


async def jitter() -> None:
    await asyncio.sleep(0.06)


async def answered(generate: GenerateText) -> str:
    """Ask as a client of ours does: told when to come back, it comes back then, and not for ever."""
    for _ in range(4):
        said = ""
        try:
            async with aclosing(generate(WANTED)) as events:
                async for event in events:
                    if isinstance(event, Restarted):
                        said = ""
                    if isinstance(event, TextDelta):
                        said += event.text
                    if isinstance(event, Finished):
                        return said
        except Retryable as away:
            await asyncio.sleep(away.retry_after + 0.05)
    raise AssertionError("never answered")


@pytest.mark.parametrize(
    "fault",
    [
        lambda mock: mock.fail(500),
        lambda mock: mock.fail(503),
        lambda mock: mock.rate_limit(times=1, retry_after=0.6),
        lambda mock: mock.disconnect(after_chunks=2),
        lambda mock: mock.truncate(after_chunks=2),
        lambda mock: mock.corrupt(after_chunks=2),
        lambda mock: mock.stall(after_chunks=2, seconds=5.0),
        lambda mock: mock.slow_first_token(0.4),
        lambda mock: mock,
    ],
    ids=["500", "503", "429", "disconnect", "truncate", "corrupt", "stall", "slow", "none"],
)
async def test_no_fault_is_handled_badly(llmock: Any, fault: Callable[[Any], Any]) -> None:
    fault(llmock)
    llmock.reply(SAID, times=None)
    model = replace(
        CHEAP, quality=Quality.STANDARD, silence_seconds=1.0, structured_output=True, first_token_seconds=3.0
    )
    async with OpenAIProvider("sk-test", llmock.base_url("openai"), 1.0, checks_model=False) as provider:
        loop = asyncio.get_running_loop()
        around = surroundings(FixedModels(model), {"openai": provider}, HealthBook(), FakeLedger(), loop.time)
        assert await answered(GenerateText(replace(around, pause=jitter), FakeAnswerCache())) == SAID
    llmock.assert_resilient(strict=True)
    assert llmock.verdict().attempts
