"""Whatever bytes a caller sends to whichever method, the answer is a clear one, and the process stays as it was."""

import os
import random
from collections import Counter

import grpc
import pytest

from services.runtime.policy import policies
from tests.security.rpc_examples import ROLE, Things, caller_of, examples, stocked
from tests.security.rpc_mutator import Mutator, swept
from tests.security.world import World

# `make test-long` asks for more.
CASES = int(os.environ.get("AISLE_FUZZ_CASES", "1500"))
SWEPT = CASES
SEED = int(os.environ.get("AISLE_FUZZ_SEED", "4"))
# A method that hangs until the caller gives up, or that says a server is away which is there, failed as well.
NEVER = {"INTERNAL", "UNKNOWN", "UNIMPLEMENTED", "DATA_LOSS", "DEADLINE_EXCEEDED", "UNAVAILABLE"}
GROWTH = 150 << 20


@pytest.fixture(scope="module")
def things(world: World) -> Things:
    return stocked(world)


def test_every_method_has_an_example_that_is_answered(world: World, things: Things) -> None:
    """Mutations of a request that was never good would only ever meet the validation."""
    known = examples(things)
    assert set(known) == set(policies())
    refused = {}
    for method, request in known.items():
        code, words, _ = world.call(method, request.SerializeToString(), x_aisle_caller=caller_of(method), **ROLE)
        if code.name not in ("OK", "NOT_FOUND"):
            refused[method] = f"{code.name} {words}"
    assert not refused


@pytest.mark.timeout(1800)
def test_no_field_has_a_value_that_makes_a_service_fail(world: World, things: Things) -> None:
    """Field by field: a text with U+0000, a year 292,277,026,596, a price of minus two billion."""
    cases = [
        (method, path, request)
        for method, example in sorted(examples(things).items())
        for path, request in swept(example)
    ]
    failures: dict[str, str] = {}
    start = world.mark()
    # All of them take minutes; a sample sees each field with some of its values.
    for method, path, request in cases[:: max(1, len(cases) // SWEPT)]:
        code, words = _answer(world, method, request.SerializeToString())
        if code.name in NEVER:
            failures.setdefault(f"{method} {path} {code.name}", f"{words[:100]} <- {str(request)[:300]}")
    assert not failures, "\n".join(f"{what}: {told}" for what, told in failures.items())
    assert not world.unexpected(start)


@pytest.mark.timeout(1800)
def test_no_request_makes_a_service_fail(world: World, things: Things) -> None:
    mutator, chooser = Mutator(SEED), random.Random(SEED)
    known = examples(things)
    methods = sorted(known)
    codes: Counter[str] = Counter()
    failures: dict[str, str] = {}
    start, settled = world.mark(), 0
    for number in range(CASES):
        method = methods[number % len(methods)] if number < CASES // 2 else chooser.choice(methods)
        raw = mutator.bytes_of(known[method])
        code, words = _answer(world, method, raw)
        codes[code.name] += 1
        if code.name in NEVER:
            failures.setdefault(f"{method} {code.name} {words[:100]}", f"{raw[:300]!r} ({len(raw)} bytes)")
        if number == CASES // 3:
            settled = world.memory
    assert world.alive()
    told = "\n".join(f"{what} <- {raw}" for what, raw in failures.items())
    assert not failures, f"{len(failures)} of {CASES}, {dict(codes)}:\n{told}"
    assert not world.unexpected(start)
    assert world.memory - settled < GROWTH, f"{settled >> 20} -> {world.memory >> 20} MiB"
    # Enough of them got past the validation to mean something.
    assert codes["OK"] > CASES / 10, codes


def _answer(world: World, method: str, raw: bytes) -> tuple[grpc.StatusCode, str]:
    """Return the answer; on a busy machine a server may be slow once, and a request that is to blame is so again."""
    for _ in range(3):
        code, words, _ = world.call(method, raw, x_aisle_caller=caller_of(method), **ROLE)
        if code is not grpc.StatusCode.UNAVAILABLE:
            break
    return code, words
