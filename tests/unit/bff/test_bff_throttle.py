"""Who guesses is slowed down, also while nobody else counts; and a flood of sign-ins does not pile up."""

import asyncio

import pytest

from bff.auth.passwords import Passwords
from bff.auth.throttle import Counted, Limit, Throttle, network_of
from services.runtime.errors import Exhausted, Unauthenticated, Unavailable
from tests.unit.bff.conftest import PASSWORD, Bff
from tests.unit.bff.fake_attempts import FakeAttempts
from tests.unit.bff.test_bff_bad_input import problem_of

MAYA = {"email": "maya@lanternandloom.example", "password": PASSWORD}
TWO = Limit("k", 2, 10)


def test_attempts_are_forgotten_with_time_and_with_success() -> None:
    now = 0.0
    counted = Counted(clock=lambda: now)
    assert [counted.take([TWO]) for _ in range(3)] == [0, 0, 10]
    now = 10.5
    assert [counted.take([TWO]) for _ in range(3)] == [0, 0, 10]
    counted.forget([TWO])
    assert counted.take([TWO]) == 0


def test_refused_attempt_is_counted_nowhere() -> None:
    counted = Counted(clock=lambda: 0.0)
    wide = Limit("wide", 3, 10)
    assert [counted.take([TWO, wide]) for _ in range(4)] == [0, 0, 10, 10]
    assert [counted.take([wide]) for _ in range(2)] == [0, 10]


def test_no_more_keys_are_kept_than_may_be() -> None:
    counted = Counted(clock=lambda: 0.0, keys_kept=2)
    for key in ("a", "b", "c"):
        counted.take([Limit(key, 1, 10)])
    assert counted.take([Limit("c", 1, 10)]) == 10
    assert counted.take([Limit("a", 1, 10)]) == 0


async def test_throttle_goes_by_what_others_have_counted() -> None:
    shared = FakeAttempts()
    replicas = [Throttle(shared), Throttle(shared)]
    for replica in replicas:
        await replica.take(TWO)
    for replica in replicas:
        with pytest.raises(Exhausted) as refused:
            await replica.take(TWO)
        assert refused.value.retry_after == 10
    await replicas[0].forget(TWO)
    await replicas[1].take(TWO)


async def test_throttle_still_counts_while_the_store_is_away() -> None:
    shared = FakeAttempts()
    throttle = Throttle(shared)
    await throttle.take(TWO)
    shared.away = True
    await throttle.take(TWO)
    with pytest.raises(Exhausted):
        await throttle.take(TWO)
    await throttle.give_back(TWO)
    await throttle.take(TWO)
    with pytest.raises(Exhausted):
        await throttle.take(TWO)


async def test_guessing_is_slowed_down_while_the_store_is_away(bff: Bff) -> None:
    bff.attempts.away = True
    wrong = {**MAYA, "password": "wrong"}
    statuses = [(await bff.client.post("/api/v1/auth/login", json=wrong)).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2


async def test_guesses_made_at_once_all_count(bff: Bff) -> None:
    wrong = {**MAYA, "password": "wrong"}
    answers = await asyncio.gather(*(bff.client.post("/api/v1/auth/login", json=wrong) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


async def test_one_address_cannot_try_many_accounts(bff: Bff) -> None:
    for number in range(50):
        body = {"email": f"n{number}@example.org", "password": "wrong"}
        assert (await bff.client.post("/api/v1/auth/login", json=body)).status_code == 401
    problem_of(await bff.client.post("/api/v1/auth/login", json=MAYA), 429, "TOO_MANY_ATTEMPTS")


async def test_many_addresses_cannot_try_one_account_forever(bff: Bff) -> None:
    tried = []
    for number in range(21):
        for _ in range(5):
            try:
                await bff.application.sign_in.login(MAYA["email"], "wrong", f"203.0.113.{number}")
            except (Exhausted, Unauthenticated) as refused:
                tried.append(type(refused))
    assert tried[100:] == [Exhausted] * 5 and Exhausted not in tried[:100]


async def test_signing_in_well_uses_nothing_up(bff: Bff) -> None:
    for _ in range(60):
        assert (await bff.client.post("/api/v1/auth/login", json=MAYA)).status_code == 200


async def test_failure_of_the_database_is_no_wrong_guess(bff: Bff) -> None:
    bff.accounts.away = True
    for _ in range(8):
        problem_of(await bff.client.post("/api/v1/auth/login", json=MAYA), 503)
    bff.accounts.away = False
    assert (await bff.client.post("/api/v1/auth/login", json=MAYA)).status_code == 200


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_ipv6_addresses_of_one_network_are_one_place(address: str, place: str) -> None:
    assert network_of(address) == place


async def test_flood_of_sign_ins_is_refused_and_not_piled_up() -> None:
    passwords = Passwords(at_once=1, waiting=2)
    results = await asyncio.gather(*(passwords.fits("x", None) for _ in range(10)), return_exceptions=True)
    assert results[:3] == [False] * 3
    assert [type(one) for one in results[3:]] == [Unavailable] * 7
    # The flood is over: everybody gets a turn again.
    assert await passwords.fits("x", None) is False


async def test_turn_of_somebody_who_left_is_given_on() -> None:
    passwords = Passwords(at_once=1, waiting=1)
    for _ in range(5):
        leaving = asyncio.ensure_future(passwords.fits("x", None))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    assert await passwords.fits("x", None) is False
