"""The chat: its routes, and its socket under good and bad manners."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bff.auth.accounts import Account
from bff.auth.signing_keys import SigningKeys
from bff.auth.tokens import AccessTokens
from bff.chat.stream import PROTOCOL, TOKEN_PROTOCOL
from services.runtime.errors import Conflict, Unavailable
from tests.unit.bff.conftest import VISITOR, Bff
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.test_bff_bad_input import BAD_TOKENS, problem_of

AS_VISITOR = {"X-Visitor-Id": VISITOR}


async def test_session_is_begun_read_and_deleted(bff: Bff, shop: FakeShop) -> None:
    begun = await bff.client.post("/api/v1/chat/sessions", headers=AS_VISITOR)
    assert (begun.status_code, begun.json()) == (201, {"id": "c2"})
    session = (await bff.client.get("/api/v1/chat/sessions/c2", headers=AS_VISITOR)).json()
    assert (session["id"], session["title"]) == ("c2", "Returns?")
    question, answer = session["messages"]
    assert (question["author"], question["id"]) == ("shopper", "m1")
    assert answer["citations"] == [
        {"index": 1, "article_id": "returns", "title": "Returns", "section": "", "passage": "Free."}
    ]
    assert [product["id"] for product in answer["products"]] == ["slippers"]
    assert (answer["state"], answer["degraded"]) == ("complete", ["LLM"])
    assert (await bff.client.delete("/api/v1/chat/sessions/c2", headers=AS_VISITOR)).status_code == 204
    problem_of(await bff.client.get("/api/v1/chat/sessions/c2", headers=AS_VISITOR), 404)


async def test_foreign_session_is_not_found(bff: Bff) -> None:
    problem_of(await bff.client.get("/api/v1/chat/sessions/c1", headers=await bff.signed_in("maya")), 404)


async def test_session_is_shown_without_products_while_the_catalogue_is_away(bff: Bff, shop: FakeShop) -> None:
    shop.failures["BatchGetProducts"] = Unavailable("X", "away")
    session = (await bff.client.get("/api/v1/chat/sessions/c1", headers=AS_VISITOR)).json()
    assert session["messages"][1]["products"] == []


async def test_question_is_answered_whole(bff: Bff, shop: FakeShop) -> None:
    body = {"text": "Returns?", "product_id": "socks"}
    answer = (await bff.client.post("/api/v1/chat/message", json=body, headers=AS_VISITOR)).json()
    assert (answer["session_id"], answer["message"]["text"]) == ("c2", "Returns are free [1].")
    asked = shop.last("SendMessage")
    assert (asked.parent, asked.owner, asked.product) == ("conversations/c2", f"visitor:{VISITOR}", "products/socks")


@pytest.mark.parametrize(
    "body", [{"text": ""}, {"text": "x" * 4001}, {"text": 7}, {}, {"text": "t", "product_id": "A B"}]
)
async def test_question_that_cannot_be_is_refused(bff: Bff, body: dict[str, Any]) -> None:
    problem_of(await bff.client.post("/api/v1/chat/message", json=body, headers=AS_VISITOR), 422)


async def test_articles_are_listed_and_read(bff: Bff) -> None:
    listed = (await bff.client.get("/api/v1/articles")).json()["articles"]
    assert [article["id"] for article in listed] == ["returns", "returns"]
    assert "body" not in listed[0]
    assert (await bff.client.get("/api/v1/articles/returns")).json()["body"] == "# Free"


@asynccontextmanager
async def talking(bff: Bff, token: str = "", **query: str) -> AsyncIterator[ClientConnection]:
    asked = "&".join(f"{name}={value}" for name, value in ({"visitor": VISITOR} | query).items())
    offered = [Subprotocol(PROTOCOL), Subprotocol(TOKEN_PROTOCOL + token)] if token else [Subprotocol(PROTOCOL)]
    url = f"ws://127.0.0.1:{bff.settings.listen_port}/api/v1/chat/ws?{asked}"
    async with connect(url, subprotocols=offered) as socket:
        yield socket


async def frame_from(socket: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """Return the next frame, or the next of a kind."""
    while True:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 5))
        if kind in (None, frame["type"]):
            return frame


def a_send(text: str = "Returns?", **more: Any) -> str:
    return json.dumps({"type": "send", "request_id": str(uuid.uuid4()), "text": text, **more})


async def closed_with(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed):
        while True:
            await asyncio.wait_for(socket.recv(), 5)
    assert socket.close_code is not None
    return socket.close_code


async def test_answer_is_relayed_event_by_event(running: Bff, shop: FakeShop) -> None:
    async with talking(running) as socket:
        assert await frame_from(socket) == {"type": "ready", "session_id": "c2"}
        request_id = str(uuid.uuid4())
        await socket.send(json.dumps({"type": "send", "request_id": request_id, "text": "Returns?"}))
        frames = [await frame_from(socket)]
        while frames[-1]["type"] != "finished":
            frames.append(await frame_from(socket))
    assert frames[0] == {"type": "started", "request_id": request_id, "question_id": "m1", "answer_id": "m2"}
    assert frames[1] == {"type": "activity", "kind": "SEARCHING_ARTICLES", "text": "Looking it up"}
    assert "".join(frame["text"] for frame in frames if frame["type"] == "delta") == "Returns are free [1]."
    assert len([frame for frame in frames if frame["type"] == "delta"]) == 3
    (card,) = [frame for frame in frames if frame["type"] == "product"]
    assert card["product"]["title"] == "Slippers"
    (citation,) = [frame for frame in frames if frame["type"] == "citation"]
    assert (citation["index"], citation["article_id"]) == (1, "returns")
    message = frames[-1]["message"]
    assert (message["id"], message["state"], [p["id"] for p in message["products"]]) == ("m2", "complete", ["slippers"])
    sent = shop.last("SendMessage")
    assert (sent.owner, sent.request_id) == (f"visitor:{VISITOR}", request_id)


async def test_words_arrive_before_the_answer_is_written(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    async with talking(running) as socket:
        await socket.send(a_send())
        assert (await frame_from(socket, "delta"))["text"] == "Returns "
        assert shop.deltas_sent == 1
        shop.gate.set()
        await frame_from(socket, "finished")


async def test_words_do_not_wait_for_pictures(running: Bff, shop: FakeShop) -> None:
    shop.failures["BatchGetProducts"] = Unavailable("X", "away")
    async with talking(running) as socket:
        await socket.send(a_send())
        assert (await frame_from(socket, "finished"))["message"]["products"] == []


async def test_stop_ends_the_answer_upstream_and_the_talk_goes_on(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    async with talking(running) as socket:
        await socket.send(a_send())
        await frame_from(socket, "delta")
        await socket.send('{"type": "stop"}')
        message = (await frame_from(socket, "finished"))["message"]
        assert (message["id"], message["state"], message["text"]) == ("m2", "interrupted", "Returns ")
        await asyncio.wait_for(shop.stream_ended.wait(), 3)
        shop.gate.set()
        await socket.send(a_send("And now?"))
        assert (await frame_from(socket, "finished"))["message"]["state"] == "complete"


async def test_stop_without_an_answer_is_nothing(running: Bff) -> None:
    async with talking(running) as socket:
        await socket.send('{"type": "stop"}')
        await socket.send('{"type": "ping"}')
        assert (await frame_from(socket, "pong")) == {"type": "pong"}


async def test_leaving_ends_the_answer_upstream(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    async with talking(running) as socket:
        await socket.send(a_send())
        await frame_from(socket, "delta")
        assert not shop.stream_ended.is_set()
    await asyncio.wait_for(shop.stream_ended.wait(), 3)


async def test_one_question_at_a_time(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    async with talking(running) as socket:
        await socket.send(a_send())
        await frame_from(socket, "delta")
        await socket.send(a_send("Me too"))
        problem = (await frame_from(socket, "error"))["problem"]
        assert (problem["status"], problem["reason"]) == (409, "ANSWER_IN_PROGRESS")
        shop.gate.set()
        await frame_from(socket, "finished")
    assert [method for method, _ in shop.asked].count("SendMessage") == 1


async def test_resume_asks_again_with_the_same_request_id(running: Bff, shop: FakeShop) -> None:
    request_id = str(uuid.uuid4())
    async with talking(running, session="c1") as socket:
        await socket.send(json.dumps({"type": "resume", "request_id": request_id, "text": "Returns?"}))
        await frame_from(socket, "finished")
    assert shop.last("SendMessage").request_id == request_id


@pytest.mark.parametrize(
    "garbage",
    [
        "not json",
        "",
        "[]",
        '"text"',
        "{}",
        '{"type": "dance"}',
        '{"type": "send"}',
        '{"type": "send", "request_id": "no uuid", "text": "t"}',
        '{"type": "send", "request_id": "00000000-0000-4000-8000-000000000001", "text": 7}',
        '{"type": "ping", "unheard": "of"}',
        b"\x00\x01",
        "[" * 20_000,
    ],
)
async def test_garbage_closes_the_socket_and_the_session_survives(
    running: Bff, shop: FakeShop, garbage: str | bytes
) -> None:
    async with talking(running, session="c1") as socket:
        await socket.send(garbage)
        assert await closed_with(socket) == 4400
    async with talking(running, session="c1") as socket:
        await socket.send(a_send())
        assert (await frame_from(socket, "finished"))["message"]["state"] == "complete"


async def test_garbage_in_the_middle_of_an_answer_ends_it_upstream(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    async with talking(running) as socket:
        await socket.send(a_send())
        await frame_from(socket, "delta")
        await socket.send("garbage")
        assert await closed_with(socket) == 4400
    await asyncio.wait_for(shop.stream_ended.wait(), 3)


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001, "a\u0000b"])
async def test_text_that_cannot_be_is_an_error_and_the_talk_goes_on(running: Bff, text: str) -> None:
    async with talking(running) as socket:
        await socket.send(a_send(text))
        problem = (await frame_from(socket, "error"))["problem"]
        assert (problem["status"], problem["errors"][0]["field"]) == (422, "text")
        await socket.send(a_send())
        await frame_from(socket, "finished")


async def test_too_large_a_message_closes_the_socket(running: Bff) -> None:
    async with talking(running) as socket:
        await socket.send("x" * 70_000)
        assert await closed_with(socket) == 1009


@pytest.mark.parametrize("name", ["expired", "alg none", "another key", "garbage"])
async def test_bad_token_closes_the_socket(running: Bff, name: str) -> None:
    async with talking(running, token=BAD_TOKENS[name]) as socket:
        assert await closed_with(socket) == 4401


@pytest.mark.parametrize(("query", "code"), [({"visitor": "maya"}, 4400), ({"visitor": ""}, 4401)])
async def test_nobody_cannot_talk(running: Bff, query: dict[str, str], code: int) -> None:
    async with talking(running, **query) as socket:
        assert await closed_with(socket) == code


@pytest.mark.parametrize("session", ["nothing", "NOT_ONE", "c1"])
async def test_foreign_or_unknown_session_closes_the_socket(running: Bff, session: str) -> None:
    other = "00000000-0000-4000-8000-000000000002"
    async with talking(running, session=session, visitor=other) as socket:
        assert await closed_with(socket) == 4404


async def test_member_talks_with_a_token(running: Bff, shop: FakeShop) -> None:
    token = (await running.signed_in("maya"))["Authorization"].removeprefix("Bearer ")
    async with talking(running, token=token) as socket:
        await socket.send(a_send())
        await frame_from(socket, "finished")
    assert shop.last("SendMessage").owner == "maya"


async def test_protocol_is_agreed_on_and_the_token_beside_it_not_said_back(running: Bff) -> None:
    token = (await running.signed_in("maya"))["Authorization"].removeprefix("Bearer ")
    async with talking(running, token=token) as socket:
        assert socket.subprotocol == PROTOCOL
        assert socket.response is not None and token not in str(socket.response.headers)


@pytest.mark.parametrize(("shown", "code"), [("Bearer {}", None), ("bearer {}", None), ("Basic {}", 4401), ("x", 4401)])
async def test_program_shows_its_token_in_a_header(running: Bff, shown: str, code: int | None) -> None:
    token = (await running.signed_in("maya"))["Authorization"].removeprefix("Bearer ")
    url = f"ws://127.0.0.1:{running.settings.listen_port}/api/v1/chat/ws"
    async with connect(url, additional_headers={"Authorization": shown.format(token)}) as socket:
        if code is None:
            await frame_from(socket, "ready")
        else:
            assert await closed_with(socket) == code


async def test_token_in_the_address_of_a_socket_speaks_for_nobody(running: Bff, shop: FakeShop) -> None:
    token = (await running.signed_in("maya"))["Authorization"].removeprefix("Bearer ")
    url = f"ws://127.0.0.1:{running.settings.listen_port}/api/v1/chat/ws?token={token}"
    async with connect(url) as socket:
        assert await closed_with(socket) == 4401


async def test_token_that_ends_in_the_middle_of_a_talk_closes_it(running: Bff) -> None:
    short = AccessTokens(SigningKeys(running.settings.signing_keys), timedelta(seconds=0.5))
    token = short.issue(Account("maya", "m", "Maya", "shopper", ""))
    ends = datetime.now(UTC) + timedelta(seconds=1.1)
    async with talking(running, token=token) as socket:
        await frame_from(socket, "ready")
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds())
        await socket.send(a_send())
        assert await closed_with(socket) == 4401


async def test_refusal_of_the_chat_service_is_told_and_the_talk_goes_on(running: Bff, shop: FakeShop) -> None:
    async with talking(running) as socket:
        shop.failures["SendMessage"] = Conflict("ANSWER_IN_PROGRESS", "Elsewhere.")
        await socket.send(a_send())
        assert (await frame_from(socket, "error"))["problem"]["reason"] == "ANSWER_IN_PROGRESS"
        shop.failures.clear()
        shop.failures["mid-stream"] = Unavailable("PROVIDER_UNAVAILABLE", "Gone.", 2)
        await socket.send(a_send())
        problem = (await frame_from(socket, "error"))["problem"]
        assert (problem["reason"], problem["retry_after_seconds"]) == ("PROVIDER_UNAVAILABLE", 2)
        shop.failures.clear()
        await socket.send(a_send())
        await frame_from(socket, "finished")


async def test_socket_asks_to_come_back_while_the_chat_is_away(running: Bff, shop: FakeShop) -> None:
    shop.failures["CreateConversation"] = Unavailable("CHAT_AWAY", "Away.", 2)
    async with talking(running) as socket:
        assert await closed_with(socket) == 1013
        assert socket.close_reason == "CHAT_AWAY"


async def test_slow_reader_makes_the_service_wait(running: Bff, shop: FakeShop) -> None:
    shop.deltas, shop.answer_text = ["x" * 10_000] * 3000, "Done."
    async with connect(
        f"ws://127.0.0.1:{running.settings.listen_port}/api/v1/chat/ws?visitor={VISITOR}",
        max_queue=2,
        compression=None,
    ) as socket:
        await frame_from(socket, "ready")
        await socket.send(a_send())
        await frame_from(socket, "delta")
        sent = -1
        while sent != shop.deltas_sent:
            sent = shop.deltas_sent
            await asyncio.sleep(0.5)
        # Nobody reads: buffers of kernel and gRPC fill, then the writing stops instead of piling up here.
        assert 0 < sent < 2500
        await frame_from(socket, "finished")
        assert shop.deltas_sent == 3000


async def test_leaving_server_closes_sockets_with_service_restart(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    async with talking(running) as socket:
        await socket.send(a_send())
        await frame_from(socket, "delta")
        running.server.handle_exit(15, None)
        assert (await running.client.get("/readyz")).status_code == 503
        assert await closed_with(socket) == 1012
    await asyncio.wait_for(shop.stream_ended.wait(), 3)
