"""S6. Random probes: nobody is ever given what was made for another tenant, user or shopper, and no log tells of it."""

import hashlib
import hmac
import json
import os
import random
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from aisle.chat.v1 import chat_service_pb2 as chat
from aisle.llm.v1 import batch_pb2
from aisle.llm.v1 import batch_service_pb2 as batches
from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.recommendation.v1 import recommendation_service_pb2 as recommendation
from tests.security.rpc_examples import asked, output_type, stocked
from tests.security.world import World

# `make test-long` asks for more; the probes of all tests here together.
PROBES = max(1000, int(os.environ.get("AISLE_FUZZ_CASES", "1000")) // 2)
SEED = int(os.environ.get("AISLE_FUZZ_SEED", "4"))
TENANTS = ("", "tenants/one", "tenants/two", "tenants/one-", "tenants/o")
USERS = ("", "ann", "bob", "ann ", "an")
HITS = {llm.CACHE_OUTCOME_EXACT, llm.CACHE_OUTCOME_SIMILAR, llm.CACHE_OUTCOME_SHARED}
PERSONAL, SHARED = llm.PROMPT_PRIVACY_PERSONAL, llm.PROMPT_PRIVACY_SHARED


@pytest.fixture(scope="module", autouse=True)
def things(world: World) -> None:
    stocked(world)


def _prompts() -> list[str]:
    """Return questions that are close to each other, so that a cache of similar ones has something to mix up."""
    words = ("return slippers", "return my slippers", "send back slippers", "give back a teapot", "warranty of a lamp")
    return [f"How do I {word}? {uuid4().hex[:6]}" for word in words] + [f"How do I {word}?" for word in words]


@pytest.mark.timeout(1800)
def test_no_answer_of_another_tenant_or_user_is_given(world: World) -> None:
    chooser, prompts = random.Random(SEED), _prompts()
    known: set[tuple[str, str, str, int]] = set()
    hits, leaks = 0, []
    for _ in range(PROBES * 2 // 5):
        tenant, user = chooser.choice(TENANTS), chooser.choice(USERS)
        prompt, privacy = chooser.choice(prompts), chooser.choice((PERSONAL, SHARED))
        wanted = llm.CompleteTextRequest(
            generation=llm.GenerateTextRequest(
                messages=[llm.ChatMessage(role=llm.CHAT_ROLE_USER, text=prompt)],
                tenant=tenant,
                user=user,
                privacy=privacy,
                cache_use=chooser.choice((llm.CACHE_USE_EXACT, llm.CACHE_USE_SIMILAR)),
                use_case=llm.USE_CASE_FREE,
                temperature=0.0,
                max_output_tokens=8,
            )
        )
        method = "/aisle.llm.v1.LlmService/CompleteText"
        code, words, raw = world.call(method, wanted.SerializeToString(), x_aisle_caller="chat", x_aisle_subject="s")
        assert code.name == "OK", words
        outcome = llm.CompleteTextResponse.FromString(raw).finished.cache_outcome
        whose = (tenant, user if privacy == PERSONAL else "*")
        if outcome in HITS:
            hits += 1
            # A similar answer may be to another question, but never of anybody else.
            similar = outcome == llm.CACHE_OUTCOME_SIMILAR
            if not any(one[:2] == whose and (similar or one[2] == prompt) and one[3] == privacy for one in known):
                leaks.append((tenant, user, prompt, privacy, outcome))
        known.add((*whose, prompt, privacy))
    assert not leaks
    assert hits > PROBES / 50, "a cache that never answers proves nothing"


def test_every_key_of_the_cache_belongs_to_one_tenant(world: World) -> None:
    client = redis.Redis.from_url(world.plan.redis_url)
    found = [key.decode() for key in client.scan_iter("llm:{cache}:*", count=1000)]
    answers = [key for key in found if ":epoch" not in key and ":tag" not in key]
    assert answers
    for key in answers:
        tenant = key.removeprefix("llm:{cache}:").rpartition(":")[0]
        assert tenant in (*TENANTS, "tenants/shop", "tenants/team", "shop"), key
    client.close()


def test_no_shelf_of_another_shopper_is_given(world: World) -> None:
    chooser, known = random.Random(SEED), set()
    run = uuid4().hex[:6]
    shoppers = [f"{name}-{run}" for name in ("ann", "ann ", "an", "bob", "ann:1", "visitor:ann")]
    hits = 0
    for _ in range(PROBES // 5):
        shopper = chooser.choice(shoppers)
        wanted = recommendation.RecommendProductsRequest(
            placement=recommendation.PLACEMENT_HOME, shopper=shopper, page_size=chooser.choice((2, 3))
        )
        code, words, raw = world.call(
            "/aisle.recommendation.v1.RecommendationService/RecommendProducts",
            wanted.SerializeToString(),
            x_aisle_caller="bff",
            x_aisle_subject=shopper.strip(),
            x_aisle_role="shopper",
        )
        if shopper != shopper.strip():
            assert code.name == "PERMISSION_DENIED"
            continue
        assert code.name == "OK", words
        if recommendation.RecommendProductsResponse.FromString(raw).cached:
            hits += 1
            assert (shopper, wanted.page_size) in known
        known.add((shopper, wanted.page_size))
    assert hits


def test_no_conversation_of_another_owner_is_found(world: World) -> None:
    chooser, run = random.Random(SEED), uuid4().hex[:6]
    owners = [f"{name}-{run}" for name in ("ann", "bob", "carol", "an", "visitor:ann")]
    talks: dict[str, str] = {}
    for owner in owners:
        talks[_talk(world, "CreateConversation", chat.CreateConversationRequest(owner=owner), owner)[1].name] = owner
    for _ in range(PROBES // 5):
        name, asking = chooser.choice(sorted(talks)), chooser.choice(owners)
        request: Any = chooser.choice(
            (
                chat.GetConversationRequest(name=name, owner=asking),
                chat.ListMessagesRequest(parent=name, owner=asking),
            )
        )
        method = "GetConversation" if isinstance(request, chat.GetConversationRequest) else "ListMessages"
        code, _ = _talk(world, method, request, asking)
        assert code == ("OK" if talks[name] == asking else "NOT_FOUND"), (name, asking)


def _talk(world: World, method: str, request: Any, subject: str) -> tuple[str, Any]:
    path = f"/aisle.chat.v1.ChatService/{method}"
    code, _, raw = world.call(
        path, request.SerializeToString(), x_aisle_caller="bff", x_aisle_subject=subject, x_aisle_role="shopper"
    )
    return code.name, output_type(path).FromString(raw)


def test_list_of_one_tenants_batches_holds_no_other(world: World) -> None:
    path = "/aisle.llm.v1.BatchService/"
    for tenant in TENANTS[1:]:
        made = batches.CreateBatchRequest(batch=batch_pb2.Batch(display_name=tenant, tenant=tenant))
        asked(world, path + "CreateBatch", made)
    for tenant in TENANTS[1:]:
        found = asked(world, path + "ListBatches", batches.ListBatchesRequest(tenant=tenant, page_size=200)).batches
        assert found
        assert {batch.tenant for batch in found} == {tenant}


def test_signed_address_opens_one_picture(world: World) -> None:
    chooser, folder = random.Random(SEED), Path(world.plan.folder) / "media" / "probes"
    folder.mkdir(parents=True, exist_ok=True)
    keys = [f"probes/{name}.webp" for name in ("a", "b", "ab", "a.b", "a-b")]
    for key in keys:
        (folder / key.removeprefix("probes/")).write_bytes(key.encode())
    expires = int(time.time()) + 600
    with world.client() as client:
        for _ in range(PROBES // 5):
            signed, wanted = chooser.choice(keys), chooser.choice(keys)
            body = f"{signed}|{expires}".encode()
            signature = hmac.new(world.plan.media_key.encode(), body, hashlib.sha256).hexdigest()
            answer = client.get(f"/media/{wanted}?expires={expires}&signature={signature}")
            assert answer.status_code == (200 if signed == wanted else 403)


def test_logs_and_labels_tell_nothing_of_what_people_say(world: World) -> None:
    """One canary for each kind of text, sent by every way there is; then the whole log is read."""
    canary = uuid4().hex
    with world.client("shopper") as client:
        client.post("/api/v1/chat/message", json={"text": f"My card is {canary}, how do I return it?"})
        client.get("/api/v1/products/search", params={"q": f"wool {canary}"})
        event = {"type": "search", "event_id": str(uuid4()), "session_id": "s", "query": canary}
        client.post("/api/v1/events", json={"events": [event]})
        client.post("/api/v1/auth/login", json={"email": f"{canary}@x.example", "password": canary})
        client.post("/api/v1/auth/refresh", json={"refresh_token": canary})
    generation = llm.GenerateTextRequest(
        messages=[llm.ChatMessage(role=llm.CHAT_ROLE_USER, text=canary)], tenant="tenants/one", user=canary
    )
    wanted = llm.CompleteTextRequest(generation=generation)
    world.call("/aisle.llm.v1.LlmService/CompleteText", wanted.SerializeToString(), x_aisle_caller="chat")
    world.call("/aisle.llm.v1.LlmService/CompleteText", wanted.SerializeToString()[:-3], x_aisle_caller="chat")
    time.sleep(0.3)
    lines = [line for line in world.log.read_text().splitlines() if canary in line]
    assert not lines, lines[:3]
    # What a line of a call says about people: who the calling service is, and nothing of the user behind it.
    for line in world.log.read_text().splitlines()[-2000:]:
        if '"message":"rpc"' in line:
            assert not {"subject", "user", "owner", "email"} & set(json.loads(line)), line
