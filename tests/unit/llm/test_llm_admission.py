"""Who is let in when there is more to do than can be done."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from random import Random

import pytest

from services.llm.domain.admission import TARGET, WINDOW, Admission
from services.llm.domain.generation import Priority
from services.runtime.errors import Exhausted

# Seconds of the processor that a call takes, in so many steps: between two of them all others have their turn. In the
# middle it waits for its provider. Everybody is looked at before they are let in or turned away.
WORK, STEPS = 0.0007, 12
PROVIDER = 0.003
DOOR = 0.00005
# As many are inside or at the door at once as a proxy has connections.
CONNECTIONS = 512

Arrival = tuple[float, Priority, str]


class Shop:
    """One event loop: what it measures of itself is how long a look at the clock waits for its turn."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.now = 0.0
        self._ready: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer = 0
        self._inside = 0
        self.forget()
        self._look(0.0)

    def forget(self) -> None:
        """Count from now on."""
        self.served = dict.fromkeys(Priority, 0)
        self.asked = dict.fromkeys(Priority, 0)
        self.waits: list[float] = []
        self.refusals: list[float] = []
        self._began = self.now

    @property
    def possible(self) -> float:
        """How many could have been served while so many had to be turned away."""
        return (self.now - self._began - len(self.refusals) * 2 * DOOR) / (WORK + DOOR)

    def run(self, seconds: float, arrivals: Callable[[], Arrival]) -> None:
        end = self.now + seconds
        gap, priority, user = arrivals()
        due = self.now + gap
        while self.now < end:
            while due <= self.now and self._inside < CONNECTIONS:
                self._inside += 1
                self._ready.append(partial(self._comes, due, priority, user))
                gap, priority, user = arrivals()
                due += gap
            while self._timers and self._timers[0][0] <= self.now:
                self._ready.append(heappop(self._timers)[2])
            # One turn of the loop: all that is ready now.
            for _ in range(len(self._ready)):
                self._ready.popleft()()
            if not self._ready:
                self.now = max(self.now, min(due if self._inside < CONNECTIONS else end, self._timers[0][0]))

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self._timer += 1
        heappush(self._timers, (self.now + seconds, self._timer, do))

    def _look(self, due: float) -> None:
        self.admission.waited(self.now - due, self.now)
        self._later(0.01, partial(self._look, self.now + 0.01))

    def _comes(self, came: float, priority: Priority, user: str) -> None:
        self.asked[priority] += 1
        self.now += DOOR
        try:
            self.admission.enter(priority, user)
        except Exhausted:
            self.now += DOOR
            self._inside -= 1
            self.refusals.append(self.now - came)
        else:
            self._ready.append(partial(self._works, came, priority, STEPS))

    def _works(self, came: float, priority: Priority, steps: int) -> None:
        self.now += WORK / STEPS
        if steps == STEPS // 2:
            self._later(PROVIDER, partial(self._works, came, priority, steps - 1))
        elif steps > 1:
            self._ready.append(partial(self._works, came, priority, steps - 1))
        else:
            self.admission.leave()
            self._inside -= 1
            self.served[priority] += 1
            self.waits.append(self.now - came)


def of(ordered: list[float], share: float) -> float:
    return sorted(ordered)[int(len(ordered) * share)]


def arrivals(times: float, batch: float, seed: int = 1, users: int = 5000) -> Callable[[], Arrival]:
    """Return calls that come as they like, so many times what can be served, a share of them for a batch."""
    random = Random(seed)

    def one() -> Arrival:
        priority = Priority.BATCH if random.random() < batch else Priority.INTERACTIVE
        return random.expovariate(times / WORK), priority, f"user-{random.randrange(users)}"

    return one


def test_everybody_is_let_in_while_there_is_room() -> None:
    shop = Shop(Admission(1000))
    shop.run(20, arrivals(0.7, 0.3))
    assert not shop.refusals
    assert shop.admission.turned_away == {Priority.INTERACTIVE: 0, Priority.BATCH: 0}


@pytest.mark.parametrize("users", [5000, 1])
@pytest.mark.parametrize("times", [1.0, 1.5, 3.0])
def test_more_than_can_be_done_leaves_nine_tenths_done_and_nobody_waiting_long(times: float, users: int) -> None:
    shop = Shop(Admission(1000))
    shop.run(3, arrivals(times, 0.0, users=users))
    shop.forget()
    shop.run(15, arrivals(times, 0.0, seed=2, users=users))
    assert shop.served[Priority.INTERACTIVE] > 0.9 * min(shop.possible, shop.asked[Priority.INTERACTIVE])
    assert of(shop.waits, 0.5) < 0.08
    assert of(shop.waits, 0.99) < 0.25
    assert of(shop.refusals, 0.5) < 0.007


def test_crowd_that_comes_all_at_once_is_cut_within_two_seconds() -> None:
    shop = Shop(Admission(1000))
    shop.run(5, arrivals(0.3, 0.0))
    shop.run(2, arrivals(3.0, 0.0, seed=2, users=1))
    shop.forget()
    shop.run(1, arrivals(3.0, 0.0, seed=3, users=1))
    assert of(shop.waits, 0.9) < 0.2
    assert shop.served[Priority.INTERACTIVE] > 0.75 * shop.possible


def test_batches_go_before_anybody_who_waits_is_turned_away() -> None:
    shop = Shop(Admission(1000))
    shop.run(3, arrivals(2.0, 0.75))
    shop.forget()
    shop.run(20, arrivals(2.0, 0.75, seed=2))
    assert shop.served[Priority.INTERACTIVE] > 0.99 * shop.asked[Priority.INTERACTIVE]
    assert 0 < shop.served[Priority.BATCH] < 0.3 * shop.asked[Priority.BATCH]


def test_all_are_let_in_again_soon_after() -> None:
    shop = Shop(Admission(1000))
    shop.run(5, arrivals(3.0, 0.5))
    shop.run(3, arrivals(0.5, 0.5, seed=2))
    shop.forget()
    shop.run(10, arrivals(0.5, 0.5, seed=3))
    assert not shop.refusals


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
