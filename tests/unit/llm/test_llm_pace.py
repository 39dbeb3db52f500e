"""How fast a batch may go, and when it makes room."""

import heapq

import pytest

from services.llm.domain.courtesy import Courtesy
from services.llm.domain.pace import Pace


class TestPace:
    def test_more_run_at_once_for_every_answer_up_to_the_most(self) -> None:
        pace = Pace(10)
        seen = [pace.at_once]
        for moment in range(20):
            pace.succeeded(float(moment))
            seen.append(pace.at_once)
        assert (seen[0], seen[3], seen[-1]) == (4, 7, 10)

    def test_half_as_many_run_at_once_when_too_much_runs_and_refusals_together_count_once(self) -> None:
        pace = Pace(16)
        for moment in range(20):
            pace.succeeded(float(moment))
        for _ in range(5):
            pace.overloaded(20.0, 0.1)
        assert pace.at_once == 8
        assert pace.room(20.05, 0) == 0
        for second in range(30, 40):
            pace.overloaded(float(second), 0.1)
        assert pace.at_once == 1

    def test_room_is_made_for_others_at_once_and_taken_back_slowly(self) -> None:
        pace = Pace(32)
        for moment in range(40):
            pace.succeeded(moment / 100)
        seen = [pace.at_once]
        for look in range(8):
            pace.make_room(1.0 + look / 2)
            pace.succeeded(1.0 + look / 2)
            seen.append(pace.at_once)
        assert seen == [32, 16, 16, 8, 8, 4, 4, 2, 2]
        for look in range(6):
            pace.succeeded(5.0 + look / 2)
            pace.ease(5.0 + look / 2)
        assert pace.at_once in (4, 5)
        for look in range(200):
            pace.ease(8.0 + look / 2)
        assert pace.at_once == 32

    def test_what_a_provider_asks_to_wait_is_waited(self) -> None:
        pace = Pace(8)
        pace.begun(0.0, 1)
        pace.succeeded(0.1)
        pace.throttled(1.0, 30.0)
        assert pace.room(30.9, 0) == 0
        assert pace.wait(20.0) == pytest.approx(11.0)
        assert pace.room(31.1, 0) == 1

    @pytest.mark.parametrize(("limit", "least"), [(2.0, 0.85), (5.0, 0.85), (40.0, 0.95), (300.0, 0.95)])
    def test_nearly_all_that_a_provider_takes_is_used(self, limit: float, least: float) -> None:
        served, seconds = _simulated(limit, latency=0.2, seconds=120.0)
        assert served / (limit * seconds) >= least


class TestCourtesy:
    def test_calls_that_take_longer_than_they_did_alone_are_kept_waiting(self) -> None:
        courtesy = Courtesy()
        assert not courtesy.is_kept_waiting("m", 0.2, 10, alone=True)
        assert not courtesy.is_kept_waiting("m", 0.25, 11, alone=False)
        assert courtesy.is_kept_waiting("m", 0.5, 12, alone=False)

    def test_without_new_calls_nobody_waits(self) -> None:
        courtesy = Courtesy()
        courtesy.is_kept_waiting("m", 0.2, 10, alone=True)
        assert courtesy.is_kept_waiting("m", 0.9, 11, alone=False)
        assert not courtesy.is_kept_waiting("m", 0.9, 11, alone=False)

    def test_a_provider_that_became_slower_by_itself_does_not_hold_batches_back_for_ever(self) -> None:
        courtesy = Courtesy()
        courtesy.is_kept_waiting("m", 0.2, 1, alone=True)
        looks = [courtesy.is_kept_waiting("m", 1.0, 2 + n, alone=False) for n in range(3000)]
        assert looks[0]
        assert not looks[-1]


def _simulated(limit: float, latency: float, seconds: float) -> tuple[int, float]:
    """Run a pace against a bucket that fills at a steady rate; return what was served after the first quarter."""
    pace, now, running, served = Pace(256), 0.0, 0, 0
    permits, filled, burst = limit / 4, 0.0, max(1.0, limit / 4)
    ends: list[tuple[float, float]] = []
    while now < seconds:
        while ends and ends[0][0] <= now:
            _, retry = heapq.heappop(ends)
            running -= 1
            if retry:
                pace.throttled(now, retry)
            else:
                pace.succeeded(now)
        room = pace.room(now, running)
        for _ in range(room):
            permits, filled = min(burst, permits + (now - filled) * limit), now
            retry = 0.0 if permits >= 1 else max(0.001, (1 - permits) / limit)
            permits -= 0.0 if retry else 1.0
            served += 0 if retry or now < seconds / 4 else 1
            heapq.heappush(ends, (now + (0.001 if retry else latency), retry))
        running += room
        pace.begun(now, room)
        now += 0.01
    return served, seconds * 0.75
