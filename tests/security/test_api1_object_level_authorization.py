"""API1:2023. Somebody else's things answer as if they did not exist, whoever asks and whichever way they ask."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from aisle.analytics.v1 import analytics_service_pb2 as analytics
from aisle.analytics.v1 import event_pb2
from aisle.chat.v1 import chat_service_pb2 as chat
from aisle.recommendation.v1 import recommendation_service_pb2 as recommendation
from tests.security.rpc_examples import output_type
from tests.security.world import World

CHAT = "/aisle.chat.v1.ChatService/"
STRANGERS = ("visitor", "other visitor", "other", "admin")
OWNER = "maya"


@dataclass
class Talk:
    """A conversation of the shopper, seen by both kinds of interface."""

    id: str

    @property
    def name(self) -> str:
        return f"conversations/{self.id}"


@pytest.fixture
def talk(world: World) -> Iterator[Talk]:
    with world.client("shopper") as client:
        made = client.post("/api/v1/chat/sessions", json={})
        assert made.status_code == 201, made.text
        yield Talk(made.json()["id"])
        # It is still there, and still whole, whatever others tried.
        assert client.get(f"/api/v1/chat/sessions/{made.json()['id']}").status_code == 200


@pytest.mark.parametrize("who", STRANGERS)
def test_foreign_session_looks_to_every_route_like_one_that_never_was(world: World, talk: Talk, who: str) -> None:
    never = "00000000-0000-4000-8000-00000000dead"
    with world.client(who) as client:
        for method, path, body in (
            ("GET", "/api/v1/chat/sessions/{}", None),
            ("DELETE", "/api/v1/chat/sessions/{}", None),
            ("POST", "/api/v1/chat/message", {"session_id": "{}", "text": "Hello?"}),
        ):
            answers = []
            for session in (talk.id, never):
                given = {key: value.replace("{}", session) for key, value in body.items()} if body else None
                answer = client.request(method, path.replace("{}", session), json=given)
                problem = answer.json()
                problem.pop("request_id")
                answers.append((answer.status_code, str(problem).replace(session, "ID")))
            assert answers[0] == answers[1], (method, path)
            assert answers[0][0] == 404


@pytest.mark.parametrize("who", STRANGERS)
def test_foreign_session_closes_the_socket_like_one_that_never_was(world: World, talk: Talk, who: str) -> None:
    headers = world.headers(who)
    visitor, token = headers.get("X-Visitor-Id", ""), headers.get("Authorization", "").removeprefix("Bearer ")
    ends = []
    for session in (talk.id, "00000000-0000-4000-8000-00000000dead"):
        url = f"{world.url.replace('http', 'ws')}/api/v1/chat/ws?visitor={visitor}&session={session}"
        shown = {"Authorization": f"Bearer {token}"} if token else None
        with connect(url, additional_headers=shown) as socket, pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
        assert closed.value.rcvd is not None
        ends.append((closed.value.rcvd.code, closed.value.rcvd.reason))
    assert ends[0] == ends[1] == (4404, "CONVERSATION_NOT_FOUND")


OWNED: dict[str, Any] = {
    "GetConversation": lambda name, owner: chat.GetConversationRequest(name=name, owner=owner),
    "DeleteConversation": lambda name, owner: chat.DeleteConversationRequest(name=name, owner=owner),
    "ListMessages": lambda name, owner: chat.ListMessagesRequest(parent=name, owner=owner),
    "SendMessage": lambda name, owner: chat.SendMessageRequest(parent=name, owner=owner, text="Hello?"),
}


@pytest.mark.parametrize("method", sorted(OWNED))
@pytest.mark.parametrize(("subject", "role"), [("other", "shopper"), ("visitor:x", "anonymous"), ("", "anonymous")])
def test_the_service_itself_keeps_strangers_out(world: World, talk: Talk, method: str, subject: str, role: str) -> None:
    """Neither by their own name, nor by naming the owner while somebody else is behind the call."""
    for owner in {subject or "nobody", OWNER}:
        code, words = _call(world, method, OWNED[method](talk.name, owner), subject, role)
        assert code == "NOT_FOUND", words


def test_nobody_begins_a_conversation_in_the_name_of_another(world: World) -> None:
    code, _ = _call(world, "CreateConversation", chat.CreateConversationRequest(owner=OWNER), "other", "shopper")
    assert code in ("PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT")


def test_nobody_is_shown_what_another_would_like(world: World) -> None:
    wanted = recommendation.RecommendProductsRequest(placement=recommendation.PLACEMENT_HOME, shopper=OWNER)
    method = "/aisle.recommendation.v1.RecommendationService/RecommendProducts"
    for subject, role in (("other", "shopper"), ("", "anonymous"), ("visitor:x", "anonymous")):
        assert _answer(world, method, wanted, subject, role)[0] == "PERMISSION_DENIED"
    assert _answer(world, method, wanted, OWNER, "shopper")[0] == "OK"


def test_nobody_tells_about_another(world: World) -> None:
    event = event_pb2.Event(event_id=str(uuid4()), type=event_pb2.EVENT_TYPE_PAGE_VIEW, shopper=OWNER)
    method = "/aisle.analytics.v1.AnalyticsService/WriteEvents"
    wanted = analytics.WriteEventsRequest(events=[event])
    for subject, role in (("other", "shopper"), ("", "anonymous")):
        assert _answer(world, method, wanted, subject, role)[0] == "PERMISSION_DENIED"
    assert _answer(world, method, wanted, OWNER, "shopper")[0] == "OK"


def _answer(world: World, method: str, request: Message, subject: str, role: str) -> tuple[str, str]:
    code, words, _ = world.call(
        method, request.SerializeToString(), x_aisle_caller="bff", x_aisle_subject=subject, x_aisle_role=role
    )
    return code.name, words


def _call(world: World, method: str, request: Message, subject: str, role: str) -> tuple[str, str]:
    return _answer(world, CHAT + method, request, subject, role)


def test_owner_is_let_in(world: World, talk: Talk) -> None:
    """Without this, the refusals above could have any reason."""
    code, words, raw = world.call(
        CHAT + "GetConversation",
        OWNED["GetConversation"](talk.name, OWNER).SerializeToString(),
        x_aisle_caller="bff",
        x_aisle_subject=OWNER,
        x_aisle_role="shopper",
    )
    assert code.name == "OK", words
    assert output_type(CHAT + "GetConversation").FromString(raw).owner == OWNER  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "address",
    [
        "/media/products/wool-slippers.webp",
        "/media/products/wool-slippers.webp?expires=9999999999&signature=",
        "/media/products/wool-slippers.webp?expires=9999999999&signature=" + "0" * 64,
        "/media/products/wool-slippers.webp?expires=&signature=" + "0" * 64,
        "/media/..%2f..%2fetc%2fpasswd?expires=9999999999&signature=" + "0" * 64,
    ],
)
def test_picture_is_for_whoever_holds_a_signed_address(world: World, address: str) -> None:
    for who in ("anonymous", "other", "admin"):
        with world.client(who) as client:
            assert client.get(address).status_code in (403, 404)


def test_signature_of_one_picture_is_good_for_no_other_and_no_longer(world: World) -> None:
    folder = Path(world.plan.folder) / "media" / "products"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.webp").write_bytes(b"RIFF")
    (folder / "yours.webp").write_bytes(b"RIFF")
    expires = int(time.time()) + 600
    signed = hmac.new(world.plan.media_key.encode(), f"products/mine.webp|{expires}".encode(), hashlib.sha256)
    good = f"expires={expires}&signature={signed.hexdigest()}"
    with world.client() as client:
        assert client.get(f"/media/products/mine.webp?{good}").status_code == 200
        assert client.get(f"/media/products/yours.webp?{good}").status_code == 403
        assert (
            client.get(f"/media/products/mine.webp?{good.replace(str(expires), str(expires + 1))}").status_code == 403
        )


def test_page_token_of_the_owner_is_worth_nothing_to_others(world: World, talk: Talk) -> None:
    for text in ("How do returns work?", "And delivery?"):
        assert _call(world, "SendMessage", _said(talk, text), OWNER, "shopper")[0] == "OK"
    own = chat.ListMessagesRequest(parent=talk.name, owner=OWNER, page_size=1)
    raw = world.call(
        CHAT + "ListMessages",
        own.SerializeToString(),
        x_aisle_caller="bff",
        x_aisle_subject=OWNER,
        x_aisle_role="shopper",
    )[2]
    token = chat.ListMessagesResponse.FromString(raw).next_page_token
    assert token
    stolen = chat.ListMessagesRequest(parent=talk.name, owner="other", page_size=1, page_token=token)
    assert _call(world, "ListMessages", stolen, "other", "shopper")[0] in ("NOT_FOUND", "INVALID_ARGUMENT")


def _said(talk: Talk, text: str) -> chat.SendMessageRequest:
    return chat.SendMessageRequest(parent=talk.name, owner=OWNER, text=text)
