"""Who is let in when there is more to do than can be done."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from services.llm.domain.admission import TARGET, WINDOW, Admission
from services.llm.domain.generation import Priority
from services.runtime.errors import Exhausted

# One server that needs this many seconds for a call, and this many to turn one away.
WORK = 0.002
REFUSAL = 0.0001


class Shop:
    """One processor before which calls queue: what is measured is what a loop measures."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.now = 0.0
        self.served = dict.fromkeys(Priority, 0)
        self.asked = dict.fromkeys(Priority, 0)
        self.waits: list[float] = []
        self._queue: deque[tuple[float, Priority, str]] = deque()
        self._tick = 0.0

    def run(self, seconds: float, arrivals: Callable[[], tuple[float, Priority, str]]) -> None:
        end, (due, priority, user) = self.now + seconds, arrivals()
        due += self.now
        while self.now < end:
            while due <= self.now:
                self._queue.append((due, priority, user))
                gap, priority, user = arrivals()
                due += gap
            if self.now >= self._tick:
                oldest = self._queue[0][0] if self._queue else self.now
                self.admission.waited(self.now - oldest, self.now)
                self._tick = self.now + 0.01
            self._work() if self._queue else self._rest(due)

    def _rest(self, due: float) -> None:
        self.now = min(due, self._tick)

    def _work(self) -> None:
        came, priority, user = self._queue.popleft()
        self.asked[priority] += 1
        try:
            self.admission.enter(priority, user)
        except Exhausted:
            self.now += REFUSAL
            return
        self.now += WORK
        self.admission.leave()
        self.served[priority] += 1
        self.waits.append(self.now - came)


def arrivals(times: float, batch: float, seed: int = 1, users: int = 5000) -> Callable[[], tuple[float, Priority, str]]:
    """Return calls that come as they like, so many times what can be served, a share of them for a batch."""
    random = Random(seed)

    def one() -> tuple[float, Priority, str]:
        priority = Priority.BATCH if random.random() < batch else Priority.INTERACTIVE
        return random.expovariate(times / WORK), priority, f"user-{random.randrange(users)}"

    return one


def test_everybody_is_let_in_while_there_is_room() -> None:
    shop = Shop(Admission(1000))
    shop.run(20, arrivals(0.7, 0.3))
    assert shop.served == shop.asked
    assert shop.admission.turned_away == {Priority.INTERACTIVE: 0, Priority.BATCH: 0}


@pytest.mark.parametrize("users", [5000, 1])
def test_three_times_what_can_be_done_leaves_nine_tenths_done_and_nobody_waiting_long(users: int) -> None:
    shop = Shop(Admission(1000))
    shop.run(5, arrivals(3.0, 0.0, users=users))
    shop.served, shop.waits = dict.fromkeys(Priority, 0), []
    began = shop.now
    shop.run(30, arrivals(3.0, 0.0, seed=2, users=users))
    # Turning two away costs their refusals; the rest is for work.
    possible = (shop.now - began - 2 * (shop.now - began) / WORK * REFUSAL) / WORK
    assert shop.served[Priority.INTERACTIVE] > 0.9 * possible
    assert sorted(shop.waits)[int(len(shop.waits) * 0.99)] < 0.1


def test_batches_go_before_anybody_who_waits_is_turned_away() -> None:
    shop = Shop(Admission(1000))
    shop.run(5, arrivals(3.0, 0.75))
    shop.served, shop.asked = dict.fromkeys(Priority, 0), dict.fromkeys(Priority, 0)
    shop.run(30, arrivals(3.0, 0.75, seed=2))
    assert shop.served[Priority.INTERACTIVE] > 0.99 * shop.asked[Priority.INTERACTIVE]
    assert 0 < shop.served[Priority.BATCH] < 0.3 * shop.asked[Priority.BATCH]


def test_all_are_let_in_again_soon_after() -> None:
    shop = Shop(Admission(1000))
    shop.run(10, arrivals(3.0, 0.5))
    shop.run(20, arrivals(0.5, 0.5, seed=2))
    shop.served, shop.asked = dict.fromkeys(Priority, 0), dict.fromkeys(Priority, 0)
    shop.run(10, arrivals(0.5, 0.5, seed=3))
    assert shop.served == shop.asked


def test_refusal_says_when_to_come_back_and_not_all_at_once() -> None:
    admission, waits = Admission(0), set()
    for n in range(100):
        with pytest.raises(Exhausted) as refused:
            admission.enter(Priority.INTERACTIVE, f"user-{n}")
        waits.add(refused.value.retry_after)
    assert len(waits) > 20
    assert all(1.0 <= wait <= 2.0 for wait in waits)


def test_places_bound_what_runs_and_batches_fill_half_of_them() -> None:
    admission = Admission(4)
    for _ in range(2):
        admission.enter(Priority.BATCH, "")
    with pytest.raises(Exhausted):
        admission.enter(Priority.BATCH, "")
    for _ in range(2):
        admission.enter(Priority.INTERACTIVE, "")
    with pytest.raises(Exhausted):
        admission.enter(Priority.INTERACTIVE, "")
    admission.leave()
    admission.enter(Priority.INTERACTIVE, "")


def test_users_are_not_always_the_last() -> None:
    admission = Admission(1000)
    admission.waited(0.0, 0.0)
    before = [admission._bucket(f"user-{n}") for n in range(50)]
    admission.waited(0.0, 3601.0 + WINDOW)
    assert before != [admission._bucket(f"user-{n}") for n in range(50)]


def test_whoever_was_let_in_at_the_door_is_not_asked_again() -> None:
    admission, now, doors, rooms = Admission(1000), 0.0, 0, 0
    for call in range(4000):
        now += 0.002
        # Once in a while somebody knocks and does not enter: what they wanted was wrong.
        wrong = call % 10 == 0
        admission.waited(2 * TARGET if now < 2.0 else 0.0, now)
        with suppress(Exhausted):
            admission.knock(Priority.INTERACTIVE, "one")
            doors += not wrong
            if not wrong:
                admission.enter(Priority.INTERACTIVE, "one")
                rooms += 1
                admission.leave()
    assert doors == rooms
    assert 0 < rooms < 3600
    assert admission.turned_away[Priority.INTERACTIVE] > 0


def test_pauses_that_others_cause_turn_nobody_away() -> None:
    admission, now = Admission(1000), 0.0
    for tick in range(1000):
        # Every other look is late by fifty milliseconds: the machine is somebody else's then.
        late = 0.05 if tick % 2 else 0.0005
        now += 0.01 + late
        admission.waited(late, now)
        admission.enter(Priority.BATCH, f"user-{tick}")
        admission.leave()
    assert not any(admission.turned_away.values())


def test_queue_that_stands_turns_somebody_away_within_a_second() -> None:
    admission, now, batches = Admission(1000), 0.0, 0
    while not admission.turned_away[Priority.BATCH]:
        now += 0.02
        admission.waited(2 * TARGET, now)
        with suppress(Exhausted):
            admission.enter(Priority.BATCH, f"user-{batches}")
        batches += 1
        assert now < 1.0
