"""What the llm service may rely on from every provider: the fake and each adapter before a server that misbehaves."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from services.llm.adapters.bedrock_provider import BedrockProvider
from services.llm.adapters.local_provider import LocalProvider
from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Message, Prompt, ProviderEvent, Role, TextDelta
from services.llm.domain.usage import TokenUsage
from tests.fakes.llm_bedrock_server import bedrock_server
from tests.fakes.llm_models import CHEAP, VECTORS
from tests.fakes.llm_openai_server import openai_server
from tests.fakes.llm_provider import FakeProvider
from tests.fakes.llm_scenario import Scenario

KEY = "sk-very-secret-1234567890"
SECRET = "my card is 4111 1111"
PROMPT = Prompt([Message(Role.SYSTEM, "Be kind."), Message(Role.USER, SECRET)], max_output_tokens=50)
QUIET = 0.6


@dataclass
class Harness:
    """A provider, and what stands behind it."""

    provider: Any
    upstream: Any


async def fake(stack: AsyncExitStack, timeout: float) -> Harness:
    provider = FakeProvider(timeout=timeout)
    return Harness(provider, provider)


async def openai(stack: AsyncExitStack, timeout: float) -> Harness:
    server = await stack.enter_async_context(openai_server())
    return Harness(await stack.enter_async_context(OpenAIProvider(KEY, server.url, timeout)), server)


async def local(stack: AsyncExitStack, timeout: float) -> Harness:
    server = await stack.enter_async_context(openai_server())
    return Harness(await stack.enter_async_context(LocalProvider(server.url, timeout)), server)


async def bedrock(stack: AsyncExitStack, timeout: float) -> Harness:
    server = await stack.enter_async_context(bedrock_server())
    provider = BedrockProvider("us-east-1", timeout, 4, server.url)
    return Harness(await stack.enter_async_context(provider), server)


Make = Callable[[Scenario], Awaitable[Harness]]


@pytest.fixture(params=[fake, openai, local, bedrock], ids=lambda made: made.__name__)
async def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    async with AsyncExitStack() as stack:

        async def made(scenario: Scenario) -> Harness:
            quiet = scenario in (Scenario.SILENT, Scenario.STALLED)
            harness: Harness = await request.param(stack, QUIET if quiet else 5.0)
            harness.upstream.scenario = scenario
            return harness

        yield made


async def read(harness: Harness) -> list[ProviderEvent]:
    async with aclosing(harness.provider.generate(CHEAP, PROMPT)) as events:
        return [event async for event in events]


@pytest.mark.parametrize(
    ("scenario", "end"),
    [
        (Scenario.ANSWER, Ended(FinishReason.STOP, TokenUsage(7, 2))),
        (Scenario.LENGTH, Ended(FinishReason.LENGTH, TokenUsage(7, 2))),
        (Scenario.UNCOUNTED, Ended(FinishReason.STOP, None)),
        (Scenario.SLOW, Ended(FinishReason.STOP, TokenUsage(7, 2))),
        (Scenario.TRICKLE, Ended(FinishReason.STOP, TokenUsage(7, 2))),
        (Scenario.EMPTY_PIECES, Ended(FinishReason.STOP, TokenUsage(7, 2))),
    ],
)
async def test_answer_is_its_deltas_and_one_end(make: Make, scenario: Scenario, end: Ended) -> None:
    *deltas, ended = await read(await make(scenario))
    assert [delta for delta in deltas if delta != TextDelta("")] == [TextDelta("Warm "), TextDelta("tea")]
    assert isinstance(ended, Ended)
    assert replace(ended, served_model="", response_id="") == end


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        (Scenario.THROTTLED, FailureKind.THROTTLED),
        (Scenario.BROKEN, FailureKind.BROKEN),
        (Scenario.FORBIDDEN, FailureKind.FORBIDDEN),
        (Scenario.GONE, FailureKind.GONE),
        (Scenario.SILENT, FailureKind.TIMED_OUT),
        (Scenario.NOTHING, FailureKind.BROKEN),
    ],
)
async def test_failure_before_the_first_token_has_its_kind(make: Make, scenario: Scenario, kind: FailureKind) -> None:
    harness = await make(scenario)
    with pytest.raises(ProviderFailed) as caught:
        await read(harness)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        (Scenario.CUT, FailureKind.BROKEN),
        (Scenario.ERROR_INSIDE, FailureKind.BROKEN),
        (Scenario.MALFORMED, FailureKind.BROKEN),
        (Scenario.UNFINISHED, FailureKind.BROKEN),
        (Scenario.HALF_CALL, FailureKind.BROKEN),
        (Scenario.STALLED, FailureKind.TIMED_OUT),
    ],
)
async def test_failure_in_the_middle_comes_after_what_was_said(
    make: Make, scenario: Scenario, kind: FailureKind
) -> None:
    harness, said = await make(scenario), []
    with pytest.raises(ProviderFailed) as caught:
        async with aclosing(harness.provider.generate(CHEAP, PROMPT)) as events:
            async for event in events:
                said.append(event)
    # An empty delta is a sign of life.
    said = [event for event in said if event != TextDelta("")]
    assert (said, caught.value.kind) == ([TextDelta("Warm ")], kind)


async def test_refused_prompt_is_no_failure_of_the_provider(make: Make) -> None:
    with pytest.raises(PromptRefused):
        await read(await make(Scenario.REFUSED))


@pytest.mark.parametrize("make", [fake, openai, local], ids=lambda made: made.__name__, indirect=True)
async def test_answer_of_another_model_is_not_taken(make: Make) -> None:
    harness = await make(Scenario.WRONG_MODEL)
    with pytest.raises(ProviderFailed) as caught:
        await read(harness)
    assert caught.value.kind is FailureKind.WRONG_MODEL


async def test_refusal_to_go_on_from_what_was_said_is_a_refused_prompt(make: Make) -> None:
    harness = await make(Scenario.REFUSES_TO_GO_ON)
    begun = Prompt([*PROMPT.messages, Message(Role.ASSISTANT, "Warm")])
    with pytest.raises(PromptRefused):
        async with aclosing(harness.provider.generate(CHEAP, begun)) as events:
            await anext(events)
    assert [event for event in await read(harness) if isinstance(event, Ended)]


async def test_whole_answer_says_what_a_stream_says(make: Make) -> None:
    harness = await make(Scenario.ANSWER)
    async with aclosing(harness.provider.generate(CHEAP, PROMPT, False)) as events:
        *deltas, ended = [event async for event in events]
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == "Warm tea"
    assert isinstance(ended, Ended)
    assert (ended.reason, ended.usage) == (FinishReason.STOP, TokenUsage(7, 2))


async def test_prompt_that_is_too_long_is_told_apart(make: Make) -> None:
    with pytest.raises(PromptTooLong):
        await read(await make(Scenario.TOO_LONG))


@pytest.mark.parametrize("scenario", [Scenario.FORBIDDEN, Scenario.REFUSED])
async def test_no_error_repeats_the_key_or_the_prompt(make: Make, scenario: Scenario) -> None:
    harness = await make(scenario)
    with pytest.raises((ProviderFailed, PromptRefused)) as caught:
        await read(harness)
    chain = caught.value
    shown = f"{chain!r} {chain} {vars(chain)} {chain.__cause__!r}"
    assert KEY not in shown
    assert SECRET not in shown
    assert chain.__suppress_context__ or chain.__context__ is None


@pytest.mark.parametrize("scenario", [Scenario.ENDLESS, Scenario.STALLED])
async def test_reader_who_leaves_stops_the_upstream_within_half_a_second(make: Make, scenario: Scenario) -> None:
    harness = await make(Scenario.ENDLESS)
    harness.upstream.scenario = scenario
    started = asyncio.Event()

    async def listen() -> None:
        async with aclosing(harness.provider.generate(CHEAP, PROMPT)) as events:
            async for _ in events:
                started.set()

    task = asyncio.ensure_future(listen())
    await started.wait()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(harness.upstream.left.wait(), 2)
    assert time.monotonic() - began < 0.5


async def test_event_loop_is_free_while_the_provider_is_silent(make: Make) -> None:
    harness = await make(Scenario.SILENT)
    reading = asyncio.ensure_future(read(harness))
    longest, last = 0.0, time.monotonic()
    while not reading.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    with pytest.raises(ProviderFailed):
        await reading
    assert longest < QUIET * 0.8


async def test_vectors_come_in_the_order_of_the_texts(make: Make) -> None:
    harness = await make(Scenario.ANSWER)
    found = await harness.provider.embed(VECTORS, ["a", "bbb", "cc"], True)
    assert [list(vector) for vector in found.vectors] == [[1, 0, 0], [3, 0, 0], [2, 0, 0]]


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        (Scenario.THROTTLED, FailureKind.THROTTLED),
        (Scenario.FORBIDDEN, FailureKind.FORBIDDEN),
        (Scenario.MALFORMED, FailureKind.BROKEN),
        (Scenario.SILENT, FailureKind.TIMED_OUT),
    ],
)
async def test_failure_to_embed_has_its_kind(make: Make, scenario: Scenario, kind: FailureKind) -> None:
    harness = await make(scenario)
    with pytest.raises(ProviderFailed) as caught:
        await harness.provider.embed(VECTORS, ["a"], True)
    assert caught.value.kind is kind


async def test_probe_of_a_healthy_provider_answers(make: Make) -> None:
    harness = await make(Scenario.ANSWER)
    offered = await harness.provider.offered()
    assert offered is None or offered == {"text", "vectors"}


@pytest.mark.parametrize("kind", ["openai", "local", "bedrock"])
async def test_nobody_listening_is_unreachable(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    closed = "http://127.0.0.1:9/v1"
    made: dict[str, Callable[[], Any]] = {
        "openai": lambda: OpenAIProvider(KEY, closed, 2.0),
        "local": lambda: LocalProvider(closed, 2.0),
        "bedrock": lambda: BedrockProvider("us-east-1", 2.0, 1, closed),
    }
    async with made[kind]() as provider:
        with pytest.raises(ProviderFailed) as caught:
            await read(Harness(provider, None))
        assert caught.value.kind is FailureKind.UNREACHABLE


@pytest.mark.parametrize("make", [openai, local, bedrock], ids=lambda made: made.__name__, indirect=True)
async def test_retry_after_is_heard(make: Make) -> None:
    harness = await make(Scenario.THROTTLED)
    with pytest.raises(ProviderFailed) as caught:
        await read(harness)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("make", [openai, local, bedrock], ids=lambda made: made.__name__, indirect=True)
async def test_restarted_server_costs_nobody_a_call(make: Make) -> None:
    harness = await make(Scenario.ANSWER)
    await harness.provider.embed(VECTORS, ["a"], True)
    harness.upstream.drop_next = True
    assert len((await harness.provider.embed(VECTORS, ["b"], True)).vectors) == 1
    harness.upstream.drop_next = True
    assert len(await read(harness)) == 3


@pytest.mark.parametrize("make", [openai, local], ids=lambda made: made.__name__, indirect=True)
async def test_request_carries_what_was_asked_for(make: Make) -> None:
    harness = await make(Scenario.ANSWER)
    prompt = replace(PROMPT, temperature=0.5, top_p=0.9, stop=("END",), seed=5)
    async with aclosing(harness.provider.generate(replace(CHEAP, options={"extra": "field"}), prompt)) as events:
        assert [event async for event in events]
    sent = harness.upstream.requests[-1].json()
    asked = {name: sent[name] for name in ("temperature", "top_p", "stop", "seed", "max_tokens", "extra", "model")}
    assert asked == {
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 5,
        "max_tokens": 50,
        "extra": "field",
        "model": "text",
    }
    assert [turn["role"] for turn in sent["messages"]] == ["system", "user"]


async def test_openai_model_without_sampling_gets_none() -> None:
    async with openai_server() as server, OpenAIProvider(KEY, server.url, 5) as provider:
        prompt = replace(PROMPT, temperature=0.5, top_p=0.9, seed=5)
        async with aclosing(provider.generate(replace(CHEAP, sampling=False), prompt)) as events:
            assert [event async for event in events]
        assert not {"temperature", "top_p", "seed"} & set(server.requests[-1].json())


async def test_openai_server_that_sends_plain_numbers_is_understood() -> None:
    async with openai_server() as server, OpenAIProvider("", server.url, 5) as provider:
        server.base64 = False
        assert list((await provider.embed(VECTORS, ["abc"], True)).vectors[0]) == [3, 0, 0]


async def test_bedrock_turns_alternate_and_begin_with_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    turns = [
        Message(Role.ASSISTANT, "Hello!"),
        Message(Role.SYSTEM, "Be kind."),
        Message(Role.USER, "one"),
        Message(Role.USER, "two"),
        Message(Role.USER, "  "),
    ]
    async with bedrock_server() as server, BedrockProvider("eu-west-1", 5, 2, server.url) as provider:
        model = replace(CHEAP, provider_id="{area}.amazon.nova-lite-v1:0")
        async with aclosing(provider.generate(model, Prompt(turns, temperature=1.7))) as events:
            assert [event async for event in events]
        sent = server.requests[-1].json()
        assert server.requests[-1].path.startswith("/model/eu.amazon.nova-lite")
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert [part["text"] for part in sent["messages"][2]["content"]] == ["one", "two"]
    assert sent["system"] == [{"text": "Be kind."}]
    assert sent["inferenceConfig"]["temperature"] == 1.0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "model_id",
    [
        "amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
        "us.anthropic.claude-opus-4-1@2026:1",
    ],
)
async def test_bedrock_is_asked_as_its_own_client_asks(
    model_id: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    turns: Any = [{"role": "user", "content": [{"text": SECRET}]}]
    async with bedrock_server() as server, BedrockProvider("us-east-1", 5, 2, server.url) as provider:
        async with aclosing(provider.generate(replace(CHEAP, provider_id=model_id), PROMPT, stream)) as events:
            assert [event async for event in events]
        client: Any = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=server.url)
        call = client.converse_stream if stream else client.converse
        about = {"system": [{"text": "Be kind."}], "inferenceConfig": {"maxTokens": 50}}
        await asyncio.to_thread(lambda: [*call(modelId=model_id, messages=turns, **about).get("stream", ())])
        ours, theirs = server.requests
    assert (ours.method, ours.path, ours.json()) == (theirs.method, theirs.path, theirs.json())
    signed = [one.headers["authorization"].split(", ")[0].split(" Credential=") for one in (ours, theirs)]
    assert signed[0] == signed[1]


@pytest.mark.parametrize(("query", "kind"), [(True, "search_query"), (False, "search_document")])
async def test_bedrock_tells_cohere_what_the_texts_are(query: bool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    async with bedrock_server() as server, BedrockProvider("us-east-1", 5, 2, server.url) as provider:
        model = replace(VECTORS, provider_id="cohere.embed-multilingual-v3")
        found = await provider.embed(model, ["a", "bb"], query)
        assert [vector[0] for vector in found.vectors] == [1, 2]
        assert server.requests[-1].json()["input_type"] == kind


async def test_bedrock_sends_one_text_a_call_to_titan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    async with bedrock_server() as server, BedrockProvider("us-east-1", 5, 2, server.url) as provider:
        model = replace(VECTORS, provider_id="amazon.titan-embed-text-v2:0")
        found = await provider.embed(model, ["a", "bb"], True)
        assert ([vector[0] for vector in found.vectors], found.input_tokens) == ([1, 2], 14)
        assert sorted(request.json()["inputText"] for request in server.requests) == ["a", "bb"]


async def test_bedrock_with_all_places_taken_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    async with bedrock_server() as server, BedrockProvider("us-east-1", 5, 1, server.url) as provider:
        server.scenario = Scenario.ENDLESS
        async with aclosing(provider.generate(CHEAP, PROMPT)) as events:
            await anext(events)
            with pytest.raises(ProviderFailed) as caught:
                await read(Harness(provider, server))
            assert caught.value.kind is FailureKind.THROTTLED
        await asyncio.wait_for(server.left.wait(), 2)
        server.scenario = Scenario.ANSWER
        assert len(await _once_free(Harness(provider, server))) == 3


async def _once_free(harness: Harness) -> list[ProviderEvent]:
    async with asyncio.timeout(2):
        while True:
            try:
                return await read(harness)
            except ProviderFailed:
                await asyncio.sleep(0.01)
