"""The llm service over real gRPC, its providers behind real HTTP."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1 import model_pb2
from services.runtime.errors import AisleError, DeadlineExceeded, Invalid, Precondition, Unavailable
from tests.fakes.llm_openai_server import openai_server
from tests.fakes.llm_scenario import Scenario
from tests.integration.llm.conftest import Serve

KEY = "sk-very-secret-1234567890"
SECRET = "my card is 4111 1111"
NAMES = ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol", "text-embedding-3-small"]


def asking(text: str = SECRET, **fields: Any) -> pb.GenerateTextRequest:
    return pb.GenerateTextRequest(messages=[pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text)], **fields)


async def replies(stub: Any, request: pb.GenerateTextRequest, **options: Any) -> Sequence[pb.GenerateTextResponse]:
    async with aclosing(stub.GenerateText(request, **options)) as stream:
        return [reply async for reply in stream]


async def test_stream_starts_with_the_model_and_finishes_with_usage(serve: Serve) -> None:
    async with openai_server() as server, serve(openai_api_key=SecretStr(KEY), openai_base_url=server.url) as stub:
        server.models = NAMES
        started, *deltas, finished = await replies(stub, asking(min_quality=model_pb2.QUALITY_TIER_STANDARD))
    assert (started.started.model, started.started.provider) == ("models/gpt-6-luna", "openai")
    assert "".join(reply.text_delta for reply in deltas) == "Warm tea"
    assert finished.finished.reason == pb.FINISH_REASON_STOP
    assert (finished.finished.usage.input_tokens, finished.finished.usage.output_tokens) == (7, 2)


async def test_without_a_key_standard_quality_is_refused_within_milliseconds(serve: Serve) -> None:
    async with openai_server() as server, serve(local_url=server.url) as stub:
        await stub.ListModels(pb.ListModelsRequest())
        took = []
        for _ in range(20):
            began = time.perf_counter()
            with pytest.raises(Precondition) as caught:
                await replies(stub, asking(min_quality=model_pb2.QUALITY_TIER_STANDARD))
            took.append(time.perf_counter() - began)
        assert not [request for request in server.requests if request.method == "POST"]
    assert caught.value.reason == "NO_MODEL_OF_QUALITY"
    assert min(took) < 0.01


async def test_service_without_any_provider_answers_and_lists_nothing(serve: Serve) -> None:
    async with serve() as stub:
        assert not (await stub.ListModels(pb.ListModelsRequest())).models
        with pytest.raises(Precondition):
            await replies(stub, asking())
        with pytest.raises(Precondition):
            await stub.EmbedTexts(pb.EmbedTextsRequest(texts=["tea"]))


async def test_outage_of_the_preferred_provider_moves_the_stream_to_the_next(serve: Serve) -> None:
    async with openai_server() as broken, openai_server() as healthy:
        broken.scenario = Scenario.BROKEN
        given = {"openai_api_key": SecretStr(KEY), "openai_base_url": broken.url, "local_url": healthy.url}
        healthy.models = ["smollm2-135m-instruct"]
        async with serve(**given) as stub:
            started, *_, finished = await replies(stub, asking())
    assert started.started.model == "models/smollm2-135m-instruct"
    assert list(finished.finished.degraded) == ["PREFERRED_PROVIDER"]


@pytest.mark.parametrize(
    ("scenario", "kind", "reason"),
    [
        (Scenario.FORBIDDEN, Unavailable, "PROVIDER_UNAVAILABLE"),
        (Scenario.CUT, Unavailable, "PROVIDER_UNAVAILABLE"),
        (Scenario.REFUSED, Invalid, "PROVIDER_REFUSED"),
        (Scenario.TOO_LONG, Invalid, "CONTEXT_TOO_LONG"),
    ],
)
async def test_errors_reach_the_client_typed_and_neither_they_nor_the_log_tell_secrets(
    serve: Serve, scenario: Scenario, kind: type[AisleError], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with openai_server() as server, serve(openai_api_key=SecretStr(KEY), openai_base_url=server.url) as stub:
        server.models = NAMES
        server.scenario = scenario
        with pytest.raises(kind) as caught:
            await replies(stub, asking(min_quality=model_pb2.QUALITY_TIER_STANDARD))
    logged = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert caught.value.reason == reason
    # A refused key may have been found out by the probe before.
    assert scenario is Scenario.FORBIDDEN or "upstream call" in logged
    for text in (str(caught.value), str(caught.value.metadata), logged):
        assert KEY not in text
        assert "4111 1111" not in text


async def test_client_who_leaves_stops_the_upstream_request_within_half_a_second(serve: Serve) -> None:
    async with openai_server() as server, serve(openai_api_key=SecretStr(KEY), openai_base_url=server.url) as stub:
        server.models = NAMES
        server.scenario = Scenario.ENDLESS
        async with aclosing(stub.GenerateText(asking(model="models/gpt-6-luna"))) as stream:
            async for reply in stream:
                if reply.text_delta:
                    break
        began = time.monotonic()
        await asyncio.wait_for(server.left.wait(), 2)
        assert time.monotonic() - began < 0.5


async def test_deadline_of_the_client_stops_the_upstream_request(serve: Serve) -> None:
    async with openai_server() as server, serve(openai_api_key=SecretStr(KEY), openai_base_url=server.url) as stub:
        server.models = NAMES
        server.scenario = Scenario.STALLED
        with pytest.raises(DeadlineExceeded):
            await replies(stub, asking(model="models/gpt-6-luna"), timeout=0.5)
        await asyncio.wait_for(server.left.wait(), 1)


async def test_vectors_name_their_model_and_dimension(serve: Serve) -> None:
    async with openai_server() as server, serve(local_url=server.url) as stub:
        server.dimension, server.models = 384, ["all-minilm-l6-v2"]
        made = await stub.EmbedTexts(pb.EmbedTextsRequest(texts=["tea", "lamp"]))
    assert (made.model, made.dimension, len(made.embeddings)) == ("models/all-minilm-l6-v2", 384, 2)
    assert len(made.embeddings[0].values) == 384
    assert made.usage.input_tokens == 7


async def test_bulk_is_split_and_a_few_calls_at_a_time(serve: Serve) -> None:
    async with openai_server() as server, serve(local_url=server.url) as stub:
        server.dimension, server.models, server.embedding_seconds = 384, ["all-minilm-l6-v2"], 0.05
        texts = [f"text {n}" for n in range(300)]
        request = pb.EmbedTextsRequest(texts=texts, priority=pb.EMBEDDING_PRIORITY_BATCH)
        made = await stub.EmbedTexts(request)
        sizes = [len(one.json()["input"]) for one in server.requests if one.path.endswith("/embeddings")]
    assert (len(made.embeddings), sorted(sizes), server.most_at_once) == (300, [44, 64, 64, 64, 64], 2)


async def test_models_list_says_who_answers_at_the_moment(serve: Serve) -> None:
    async with openai_server() as server:
        server.models = ["smollm2-135m-instruct"]
        given = {"openai_api_key": SecretStr(KEY), "openai_base_url": "http://127.0.0.1:9/v1", "local_url": server.url}
        async with serve(**given) as stub:
            async with asyncio.timeout(10):
                while True:
                    listed = (await stub.ListModels(pb.ListModelsRequest())).models
                    state = {model.name: model.available for model in listed}
                    if not state["models/gpt-6-luna"] and not state["models/all-minilm-l6-v2"]:
                        break
                    await asyncio.sleep(0.05)
    assert state["models/smollm2-135m-instruct"]
    assert listed[0].quality == model_pb2.QUALITY_TIER_PREMIUM
    assert listed[-1].kind == model_pb2.MODEL_KIND_EMBEDDING


async def test_embedding_model_that_is_not_configured_ends_the_process_with_a_word(serve: Serve) -> None:
    with pytest.raises(SystemExit, match="AISLE_LLM_EMBEDDING_MODEL"):
        async with serve(local_url="http://127.0.0.1:9/v1", embedding_model="models/text-embedding-3-small"):
            pass
