"""What may be relied on from every provider's own batches: the fake, and each adapter before a strict server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from services.llm.adapters.bedrock_batches import BedrockBatches
from services.llm.adapters.openai_batches import OpenAIBatches
from services.llm.application.batch_ports import ProviderBatches, ProviderResult
from services.llm.domain.errors import FailureKind, PromptRefused, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Message, Prompt, Role, TextDelta
from services.llm.domain.usage import TokenUsage
from tests.fakes.llm_bedrock_batch_server import BUCKET, ROLE, bedrock_batch_server
from tests.fakes.llm_models import CHEAP, DEAR
from tests.fakes.llm_openai_batch_server import batch_server
from tests.fakes.llm_provider_batches import REFUSED, FakeProviderBatches

ITEMS = 120
KEYS = [f"shelf/{n}:tea@home-{n}._" for n in range(ITEMS)]
PROMPTS = [
    (key, Prompt([Message(Role.SYSTEM, "Be kind."), Message(Role.USER, f"tea {n}")])) for n, key in enumerate(KEYS)
]
_BEDROCK = {"completed": "Completed", "expired": "PartiallyCompleted", "failed": "Failed"}


@dataclass
class Harness:
    """A provider, and what stands behind it."""

    provider: ProviderBatches
    model: Any
    # Ends what runs: how, and how many of the questions are answered.
    end: Callable[[str, int | None], None]
    # Makes the questions of these texts fail with these codes.
    fail: Callable[[dict[str, int]], None]
    be_silent: Callable[[], None]
    refuse: Callable[[], None]
    created: Callable[[], int]
    kept: Callable[[], int]


async def fake(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> Harness:
    it = FakeProviderBatches()
    return Harness(
        it, CHEAP, it.end, it.failing.update, lambda: setattr(it, "silent_once", True),
        lambda: setattr(it, "refused", REFUSED), lambda: len(it.batches), lambda: len(it.files),
    )  # fmt: skip


async def openai(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> Harness:
    it = await stack.enter_async_context(batch_server())
    provider = await stack.enter_async_context(OpenAIBatches(it.key, it.url, 5.0))

    def fail(texts: dict[str, int]) -> None:
        it.failing = {
            key: texts[prompt.messages[-1].text] for key, prompt in PROMPTS if prompt.messages[-1].text in texts
        }

    return Harness(
        provider, CHEAP, it.end, fail, lambda: setattr(it, "silent_once", True),
        lambda: setattr(it, "refuses", True), lambda: len(it.batches), lambda: len(it.files),
    )  # fmt: skip


async def bedrock(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> Harness:
    it = await stack.enter_async_context(bedrock_batch_server(monkeypatch))
    provider = await stack.enter_async_context(BedrockBatches("us-east-1", f"s3://{BUCKET}/batches/", ROLE, 5.0))
    model = replace(DEAR, provider_id="{area}.amazon.nova-micro-v1:0")
    return Harness(
        provider, model, lambda how, answered: it.end(_BEDROCK[how], answered), it.failing.update,
        lambda: setattr(it, "silent", 3), lambda: setattr(it, "refused", ["ValidationException"]),
        lambda: len(it.jobs), lambda: len(it.objects),
    )  # fmt: skip


@pytest.fixture(params=[fake, openai, bedrock], ids=lambda made: made.__name__)
async def house(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    async with AsyncExitStack() as stack:
        yield await request.param(stack, monkeypatch)


async def results(house: Harness, handle: str) -> dict[str, ProviderResult]:
    async with aclosing(house.provider.results(handle, house.model)) as found:
        listed = [result async for result in found]
    assert len(listed) == len({result.key for result in listed})
    return {result.key: result for result in listed}


async def submitted(house: Harness) -> str:
    return await house.provider.submit(str(uuid4()), house.model, PROMPTS)


async def test_what_is_sent_is_followed_answered_and_forgotten(house: Harness) -> None:
    handle = await submitted(house)
    assert not (await house.provider.status(handle)).ended
    house.end("completed", None)
    status = await house.provider.status(handle)
    assert (status.ended, status.unrun, status.refused) == (True, False, "")
    found = await results(house, handle)
    assert set(found) == set(KEYS)
    for n, key in enumerate(KEYS):
        text, end = found[key].events
        assert text == TextDelta(f"About tea {n}.")
        assert isinstance(end, Ended) and (end.reason, end.usage) == (FinishReason.STOP, TokenUsage(20, 10))
    assert house.kept()
    await house.provider.forget(handle)
    assert not house.kept()


async def test_a_batch_is_found_by_our_name_and_another_is_not(house: Harness) -> None:
    job = str(uuid4())
    handle = await house.provider.submit(job, house.model, PROMPTS)
    await submitted(house)
    assert await house.provider.find(job) == handle
    assert await house.provider.find(str(uuid4())) is None
    assert house.created() == 2


async def test_a_creation_that_nobody_heard_of_is_found_and_there_is_one(house: Harness) -> None:
    job = str(uuid4())
    house.be_silent()
    with pytest.raises(ProviderFailed):
        await house.provider.submit(job, house.model, PROMPTS)
    assert await house.provider.find(job) is not None
    assert house.created() == 1


async def test_what_time_was_too_short_for_is_unrun_and_the_rest_is_answered(house: Harness) -> None:
    handle = await submitted(house)
    house.end("expired", 50)
    status = await house.provider.status(handle)
    assert (status.ended, status.unrun, status.refused) == (True, True, "")
    answered = [key for key, result in (await results(house, handle)).items() if not result.unrun]
    assert sorted(answered) == sorted(KEYS[:50])


async def test_a_record_that_fails_says_whose_fault_it_is(house: Harness) -> None:
    house.fail({"tea 1": 400, "tea 2": 500, "tea 3": 429})
    handle = await submitted(house)
    house.end("completed", None)
    found = await results(house, handle)
    reasons = [found[key].error_reason for key in KEYS[:5]]
    assert reasons == ["", "PROVIDER_REFUSED", "PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE", ""]
    assert not any(found[key].events for key in KEYS[1:4])


async def test_what_was_stopped_keeps_its_answers_and_stopping_it_again_does_no_harm(house: Harness) -> None:
    handle = await submitted(house)
    await house.provider.cancel(handle)
    await house.provider.cancel(handle)
    house.end("completed", 50)
    status = await house.provider.status(handle)
    assert (status.ended, status.unrun) == (True, True)
    assert len([one for one in (await results(house, handle)).values() if one.events]) == 50


async def test_a_batch_that_is_refused_as_a_whole_says_so_and_has_no_answers(house: Harness) -> None:
    handle = await submitted(house)
    house.end("failed", None)
    status = await house.provider.status(handle)
    assert status.ended and status.refused
    assert not await results(house, handle)


async def test_a_batch_that_nobody_knows_is_gone(house: Harness) -> None:
    handle = await submitted(house)
    unknown = handle[:-1] + ("x" if handle[-1] != "x" else "y")
    with pytest.raises(ProviderFailed) as failed:
        await house.provider.status(unknown)
    assert failed.value.kind is FailureKind.GONE


async def test_a_refused_creation_is_no_failure_of_the_provider(house: Harness) -> None:
    house.refuse()
    with pytest.raises(PromptRefused):
        await submitted(house)
    assert house.created() == 0
