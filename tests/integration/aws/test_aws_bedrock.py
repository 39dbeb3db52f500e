"""Our fake of Bedrock's Converse and ConverseStream, judged by AWS's own client, and our provider beside that client.

What the provider makes of every scenario stands in tests/contract/llm/test_llm_providers.py, and that its requests are
those of AWS's client. Here that client reads what the fake says, so that the fake says it as AWS does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.config import Config
from botocore.eventstream import ParserError
from urllib3.exceptions import ProtocolError

from services.llm.adapters.bedrock_provider import BedrockProvider
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Message, Prompt, Role, TextDelta
from tests.fakes.llm_bedrock_server import BedrockServer, bedrock_server
from tests.fakes.llm_models import CHEAP
from tests.fakes.llm_scenario import DELTAS, USAGE, Scenario
from tests.integration.aws.cloud import KEY_ID, REGION, SECRET_KEY, Cloud

PROMPT = Prompt([Message(Role.USER, "tea")], max_output_tokens=50)
CALL: Any = {"modelId": CHEAP.provider_id, "messages": [{"role": "user", "content": [{"text": "tea"}]}]}
CUT_SHORT = (boto.ResponseStreamingError, boto.HTTPClientError, ProtocolError)


@pytest.fixture
async def server(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BedrockServer]:
    """Return the fake, which everybody finds where they would find Bedrock."""
    async with bedrock_server() as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", started.url)
        yield started


async def theirs(streamed: bool) -> list[dict[str, Any]]:
    """Return what AWS's own client reads, which does not try twice here."""

    def ask() -> list[dict[str, Any]]:
        config = Config(retries={"total_max_attempts": 1}, read_timeout=5)
        client: Any = boto3.client("bedrock-runtime", config=config)
        return list(client.converse_stream(**CALL)["stream"]) if streamed else [client.converse(**CALL)]

    return await asyncio.to_thread(ask)


async def ours(streamed: bool) -> list[Any]:
    """Return what our provider reads, with the settings of an environment: a region and nothing else."""
    async with (
        BedrockProvider(REGION, 5.0, 4) as provider,
        aclosing(provider.generate(CHEAP, PROMPT, streamed)) as events,
    ):
        return [event async for event in events]


async def test_a_whole_answer_is_one_to_awss_client(server: BedrockServer) -> None:
    (said,) = await theirs(streamed=False)
    assert said["output"]["message"] == {"role": "assistant", "content": [{"text": "".join(DELTAS)}]}
    assert (said["stopReason"], said["usage"]["inputTokens"], said["usage"]["outputTokens"]) == ("end_turn", *USAGE)
    assert TextDelta("".join(DELTAS)) in await ours(streamed=False)


async def test_a_stream_is_one_to_awss_client(server: BedrockServer) -> None:
    events = await theirs(streamed=True)
    kinds = [kind for event in events for kind in event]
    assert kinds == ["messageStart", *["contentBlockDelta"] * 2, "contentBlockStop", "messageStop", "metadata"]
    texts = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert texts == list(DELTAS)
    assert [event.text for event in await ours(streamed=True) if isinstance(event, TextDelta)] == texts


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("scenario", "code", "kind"),
    [
        (Scenario.THROTTLED, "ThrottlingException", FailureKind.THROTTLED),
        (Scenario.FORBIDDEN, "UnrecognizedClientException", FailureKind.FORBIDDEN),
        (Scenario.GONE, "ResourceNotFoundException", FailureKind.GONE),
        (Scenario.BROKEN, "InternalServerException", FailureKind.BROKEN),
    ],
)
async def test_a_failure_has_the_code_that_awss_client_reads(
    server: BedrockServer, scenario: Scenario, code: str, kind: FailureKind, streamed: bool
) -> None:
    server.scenario = scenario
    with pytest.raises(boto.ClientError) as caught:
        await theirs(streamed)
    assert caught.value.response["Error"]["Code"] == code
    with pytest.raises(ProviderFailed) as failed:
        await ours(streamed)
    assert failed.value.kind is kind
    assert KEY_ID not in str(failed.value)
    assert SECRET_KEY not in str(failed.value)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("scenario", "refusal"), [(Scenario.REFUSED, PromptRefused), (Scenario.TOO_LONG, PromptTooLong)]
)
async def test_a_request_that_is_invalid_is_so_to_both(
    server: BedrockServer, scenario: Scenario, refusal: type[Exception], streamed: bool
) -> None:
    server.scenario = scenario
    with pytest.raises(boto.ClientError) as caught:
        await theirs(streamed)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(refusal):
        await ours(streamed)


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        (Scenario.ERROR_INSIDE, boto.EventStreamError),
        (Scenario.CUT, CUT_SHORT),
        (Scenario.MALFORMED, ParserError),
    ],
    ids=lambda given: given.name if isinstance(given, Scenario) else "",
)
async def test_a_stream_that_breaks_off_does_so_for_both(server: BedrockServer, scenario: Scenario, error: Any) -> None:
    server.scenario = scenario
    with pytest.raises(error):
        await theirs(streamed=True)
    with pytest.raises(ProviderFailed) as failed:
        await ours(streamed=True)
    assert failed.value.kind is FailureKind.BROKEN


async def test_a_failure_within_a_stream_has_the_name_that_aws_gives_it(server: BedrockServer) -> None:
    server.scenario = Scenario.ERROR_INSIDE
    with pytest.raises(boto.EventStreamError) as caught:
        await theirs(streamed=True)
    assert caught.value.response["Error"]["Code"] == "modelStreamErrorException"
