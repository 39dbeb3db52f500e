"""The encoder keeps the order of texts, lets queries pass bulk work and sheds what it cannot hold."""

import asyncio
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from local.models.encoder import BATCH, QUERY_TEXTS, WIDTH, Encoder, Vectors, padded
from local.models.refusals import RefusedError


def tokenize(texts: list[str]) -> list[list[int]]:
    return [[ord(letter) for letter in text] for text in texts]


def first_token(ids: NDArray[np.int32], mask: NDArray[np.int32]) -> Vectors:
    return np.repeat(ids[:, :1].astype(np.float32), WIDTH, axis=1)


async def test_vectors_come_back_in_the_order_of_the_texts() -> None:
    texts = [chr(65 + i) * (1 + (i * 7) % 11) for i in range(2 * BATCH + 3)]
    found = await Encoder(tokenize, first_token, waiting=1000).embed(texts)
    assert [int(vector[0]) for vector in found.vectors] == [ord(text[0]) for text in texts]
    assert found.tokens == sum(map(len, texts))


async def test_a_query_does_not_wait_behind_bulk_work() -> None:
    bulk_may_end = threading.Event()

    def forward(ids: NDArray[np.int32], mask: NDArray[np.int32]) -> Vectors:
        if len(ids) > QUERY_TEXTS:
            bulk_may_end.wait(5)
        return first_token(ids, mask)

    encoder = Encoder(tokenize, forward, waiting=1000)
    bulk = asyncio.ensure_future(encoder.embed(["bulk"] * BATCH))
    query = await asyncio.wait_for(encoder.embed(["query"]), 2)
    assert query.vectors[0][0] == ord("q")
    assert not bulk.done()
    bulk_may_end.set()
    await bulk


async def test_texts_past_the_limit_are_refused() -> None:
    encoder = Encoder(tokenize, first_token, waiting=10)
    with pytest.raises(RefusedError) as refused:
        await encoder.embed(["text"] * 11)
    assert refused.value.status == 429
    assert (await encoder.embed(["text"] * 10)).vectors.shape == (10, WIDTH)


async def test_bulk_work_nobody_waits_for_ends_after_the_batch_at_hand() -> None:
    passes = 0
    first_pass, go_on = threading.Event(), threading.Event()

    def forward(ids: NDArray[np.int32], mask: NDArray[np.int32]) -> Vectors:
        nonlocal passes
        passes += 1
        first_pass.set()
        go_on.wait(5)
        return first_token(ids, mask)

    encoder = Encoder(tokenize, forward, waiting=1000)
    work = asyncio.ensure_future(encoder.embed(["bulk"] * BATCH * 4))
    await asyncio.to_thread(first_pass.wait, 5)
    work.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.to_thread(encoder.close)
    assert passes == 1


def test_padding_marks_only_real_tokens() -> None:
    ids, mask = padded([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
