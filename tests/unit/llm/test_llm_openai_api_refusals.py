"""What is not served under /v1 is refused, named and not billed."""

from typing import Any

import pytest

from services.llm.domain.admission import WINDOW
from services.llm.domain.generation import Priority
from tests.unit.llm.conftest import HELLO, House


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({}, "messages"),
        ({"messages": HELLO, "n": 2}, "n"),
        ({"messages": HELLO, "temperature": 9}, "temperature"),
        ({"messages": HELLO, "temperature": "hot"}, "temperature"),
        ({"messages": HELLO, "max_tokens": 0}, "max_tokens"),
        ({"messages": HELLO, "tools": [{"type": "retrieval"}]}, "tools.0.type"),
        ({"messages": HELLO, "tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"messages": HELLO, "tool_choice": "required"}, "tool_choice.mode"),
        ({"messages": HELLO, "response_format": {"type": "xml"}}, "response_format.type"),
        (
            {"messages": HELLO, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 7}}}},
            "response_format.schema",
        ),
        (
            {
                "messages": HELLO,
                "response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "http://10.0.0.1/x"}}},
            },
            "response_format.schema",
        ),
        ({"messages": HELLO, "stop": ["a"] * 5}, "stop"),
        ({"messages": HELLO, "model": "../secret"}, "model"),
        ({"messages": HELLO, "logprobs": True}, "logprobs"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": ["hello"]}, "messages.0"),
        ({"messages": [{"role": "user", "content": "a\x00b"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content.0.image_url.url"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://10.0.0.1/"}}]}
                ]
            },
            "messages.0.content.0.image_url.url",
        ),
        ({"messages": HELLO, "aisle": {"use_case": "mining"}}, "aisle.use_case"),
        ({"messages": HELLO, "stream_options": 7, "stream": True}, "stream_options"),
    ],
)
async def test_what_is_not_served_is_refused_and_named_and_nothing_is_billed(
    house: House, body: Any, param: str
) -> None:
    answer = await house.client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert (house.provider.prompts, house.ledger.records, house.budgets.reserved) == ([], [], [])


@pytest.mark.parametrize(
    "body",
    [{"input": ""}, {"input": []}, {"input": [1, 2]}, {"input": ["a", ""]}, {"input": "a", "dimensions": 7}, {}],
)
async def test_embeddings_of_nonsense_are_refused(house: House, body: Any) -> None:
    answer = await house.client.post("/v1/embeddings", json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_errors_of_the_router_have_the_same_shape(house: House) -> None:
    kind = {"Content-Type": "application/json"}
    for answer in (
        await house.client.get("/v1/unheard-of"),
        await house.client.get("/v1/embeddings"),
        await house.client.post("/v1/embeddings", content=b"{", headers=kind),
        await house.client.post("/v1/embeddings", content=b"[" * 5000, headers=kind),
        await house.client.post("/v1/embeddings", content=b'"text"', headers=kind),
        await house.client.post("/v1/embeddings", content=b'{"input": "\xff"}', headers=kind),
        await house.client.post("/v1/embeddings", content=b'{"input": NaN}', headers=kind),
        await house.client.post("/v1/embeddings", content=b"{}", headers={"Content-Type": "text/plain"}),
        await house.client.post("/v1/embeddings", content=b"{}", headers={**kind, "Content-Encoding": "gzip"}),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]["message"]
        assert answer.headers["x-request-id"]


async def test_larger_bodies_are_taken_than_elsewhere(house: House) -> None:
    fits = await house.client.post("/v1/embeddings", json={"input": ["x" * 90_000] * 20})
    assert fits.status_code == 200
    refused = await house.client.post("/v1/embeddings", json={"input": ["x" * 90_000] * 120})
    assert (refused.status_code, refused.json()["error"]["type"]) == (413, "invalid_request_error")


def crowd(house: House) -> None:
    """Let so much wait that work for which nobody waits is turned away, and people are not."""
    now = 0.0
    while not house.admission.crowded:
        now += WINDOW
        for user in "abcdefgh":
            house.admission.enter(Priority.INTERACTIVE, user)
            house.admission.leave()
        house.admission.waited(1.0, now)


async def test_under_load_batches_are_told_to_come_back_and_people_are_answered(house: House) -> None:
    crowd(house)
    batch = {"messages": HELLO, "aisle": {"priority": "batch"}}
    turned_away = await house.client.post("/v1/chat/completions", json=batch)
    answered = await house.client.post("/v1/chat/completions", json={"messages": HELLO})
    assert (turned_away.status_code, turned_away.json()["error"]["code"]) == (429, "overloaded")
    assert int(turned_away.headers["retry-after"]) >= 5
    assert turned_away.headers["x-request-id"]
    assert house.admission.turned_away == {Priority.INTERACTIVE: 0, Priority.BATCH: 1}
    assert answered.json()["choices"][0]["message"]["content"] == "Returns are free [1]."
    assert len(house.provider.prompts) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[1]", 400),
        (b'{"messages": [], "aisle": "batch"}', 400),
        (b'{"messages": [], "user": {}}', 400),
        (b" " * ((4 << 20) + 1), 413),
    ],
)
async def test_under_load_what_is_wrong_is_told_as_ever(house: House, body: bytes, status: int) -> None:
    crowd(house)
    kind = {"Content-Type": "application/json"}
    refused = await house.client.post("/v1/chat/completions", content=body, headers=kind)
    unknown = await house.client.post(
        "/v1/chat/completions", json={"messages": HELLO}, headers={"Authorization": "Bearer sk-none"}
    )
    assert (refused.status_code, unknown.status_code) == (status, 401)
    assert sum(house.admission.turned_away.values()) == 0
