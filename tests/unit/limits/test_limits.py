"""Which limit holds, who is remembered as refused, and how the table is read."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from aisle.limits.v1.rate_limit_pb2 import ShouldRateLimitRequest, ShouldRateLimitResponse
from services.limits.adapters.limits_file import LimitsFileError, parse
from services.limits.application.ports import Ask, Count
from services.limits.application.should_limit import ShouldLimit
from services.limits.domain.limit import Asker, Limit, LimitTable, Unit, identity
from services.limits.domain.refusals import Refusals
from services.runtime.errors import Unavailable

READ = (("class", "browse"), ("user", "maya"))
SPEND = (("class", "generate"), ("user", "maya"))
TABLE = LimitTable(
    {
        ("edge", "browse", "user"): Limit(2, Unit.MINUTE),
        ("edge", "generate", "user"): Limit(1, Unit.MINUTE),
    },
    {Asker("browse", "user", "robot"): Limit(5, Unit.HOUR)},
)


class CountingCounters:
    """Counts in memory, in one window that never ends; `away` makes it say that it cannot."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.asked = 0
        self.away = False

    async def take(self, asks: Sequence[Ask]) -> Sequence[Count]:
        self.asked += 1
        if self.away:
            raise Unavailable("COUNTERS_AWAY", "Requests cannot be counted for a moment.", 1.0)
        found = []
        for ask in asks:
            used = self.counts.get(ask.identity, 0) + ask.hits
            allowed = used <= ask.limit.requests
            if allowed:
                self.counts[ask.identity] = used
            found.append(Count(allowed, max(0, ask.limit.requests - used), 30.0))
        return found


class Table:
    def __init__(self) -> None:
        self.table = TABLE


class Bench:
    """The use case with all it needs, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.counters, self.limits, self.now = CountingCounters(), Table(), 1000.0
        self.refusals = Refusals()
        self.should_limit = ShouldLimit(self.limits, self.counters, lambda: self.now, self.refusals)

    async def ask(self, *descriptors: tuple[tuple[str, str], ...], hits: int = 1) -> list[bool]:
        asked = [(descriptor, hits) for descriptor in descriptors]
        return [verdict.allowed for verdict in await self.should_limit("edge", asked)]


async def test_only_so_many_are_allowed() -> None:
    bench = Bench()
    assert [await bench.ask(READ) for _ in range(3)] == [[True], [True], [False]]


async def test_what_has_no_limit_is_allowed_and_not_counted() -> None:
    bench = Bench()
    assert await bench.ask((("class", "browse"), ("planet", "mars")), ()) == [True, True]
    assert bench.counters.asked == 0


async def test_refusal_is_remembered_until_more_fits_and_costs_no_counting() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.ask(READ)
    asked = bench.counters.asked
    assert await bench.ask(READ) == [False]
    assert bench.counters.asked == asked
    bench.now += 31
    assert await bench.ask(READ) == [False]
    assert bench.counters.asked == asked + 1


async def test_what_is_refused_anyway_is_not_counted_elsewhere() -> None:
    bench = Bench()
    await bench.ask(SPEND)
    await bench.ask(SPEND)
    assert await bench.ask(SPEND, READ) == [False, True]
    assert bench.counters.counts.get(identity("edge", READ)) is None


async def test_asking_for_too_much_at_once_does_not_shut_out_who_asks_for_less() -> None:
    bench = Bench()
    assert await bench.ask(READ, hits=3) == [False]
    assert await bench.ask(READ) == [True]


async def test_changed_table_forgets_refusals() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.ask(READ)
    bench.limits.table = LimitTable({("edge", "browse", "user"): Limit(9, Unit.MINUTE)})
    assert await bench.ask(READ) == [True]


async def test_one_may_have_a_limit_of_its_own() -> None:
    bench = Bench()
    robot = (("class", "browse"), ("user", "robot"))
    assert [await bench.ask(robot) for _ in range(6)] == [[True]] * 5 + [[False]]


async def test_counters_that_are_away_are_an_error_and_no_verdict() -> None:
    bench = Bench()
    bench.counters.away = True
    with pytest.raises(Unavailable):
        await bench.ask(READ)


def test_no_more_refusals_are_kept_than_allowed() -> None:
    refusals = Refusals(most=10)
    for number in range(1000):
        refusals.remember(str(number), 50.0)
    assert len(refusals) == 10
    assert refusals.wait_of("999", 20.0) == 30.0
    assert refusals.wait_of("999", 60.0) == 0.0
    assert len(refusals) == 9


def test_identities_do_not_run_into_each_other() -> None:
    names = {
        identity("edge", READ),
        identity("egress", READ),
        identity("edge", SPEND),
        identity("edge", (("class", "browseuser"), ("", "maya"))),
    }
    assert len(names) == 4


def test_table_that_is_delivered_can_be_read_and_covers_every_class() -> None:
    table = parse((Path("services/limits/limits.yaml")).read_text())
    assert {rate_class for domain, rate_class, _ in table.limits if domain == "edge"} == {
        "browse",
        "write",
        "generate",
        "bulk",
    }


@pytest.mark.parametrize(
    "text",
    [
        "version: 2",
        "version: 1\nedge: {browse: {user: 10/fortnight}}",
        "version: 1\nedge: {browse: {user: 0/minute}}",
        "version: 1\nedge: {browse: {user: -1/minute}}",
        "version: 1\nedge: {browse: {user: 10}}",
        "version: 1\nedge: {browse: {planet: 10/minute}}",
        "version: 1\nedge: {feast: {user: 10/minute}}",
        "version: 1\nsurprise: true",
        "version: 1\nexceptions: [{class: browse, limit: 1/minute}]",
        "version: 1\nexceptions: [{class: browse, limit: 1/minute, user: a, address: 127.0.0.1}]",
        "version: 1\nexceptions: [{class: browse, limit: 1/minute, key: sk-in-the-clear}]",
        "- not a table",
        "{",
        "",
    ],
)
def test_table_that_says_nonsense_is_refused(text: str) -> None:
    with pytest.raises(LimitsFileError):
        parse(text)


def test_messages_are_those_of_envoy_on_the_wire() -> None:
    from envoy_data_plane.envoy.service.ratelimit import v3 as envoys

    asked = ShouldRateLimitRequest(domain="edge", hits_addend=2)
    entry = asked.descriptors.add().entries.add()
    entry.key, entry.value = "user", "maya"
    theirs = envoys.RateLimitRequest.parse(asked.SerializeToString())
    assert (theirs.domain, theirs.hits_addend) == ("edge", 2)
    assert (theirs.descriptors[0].entries[0].key, theirs.descriptors[0].entries[0].value) == ("user", "maya")
    said = ShouldRateLimitResponse(overall_code=ShouldRateLimitResponse.CODE_OVER_LIMIT)
    status = said.statuses.add(code=ShouldRateLimitResponse.CODE_OVER_LIMIT, limit_remaining=3)
    status.current_limit.requests_per_unit = 10
    status.current_limit.unit = ShouldRateLimitResponse.RateLimit.UNIT_DAY
    status.duration_until_reset.seconds = 7
    said.response_headers_to_add.add(key="retry-after", value="7")
    read = envoys.RateLimitResponse.parse(said.SerializeToString())
    assert read.overall_code == envoys.RateLimitResponseCode.OVER_LIMIT
    assert read.statuses[0].current_limit is not None and read.statuses[0].duration_until_reset is not None
    assert read.statuses[0].current_limit.unit == envoys.RateLimitResponseRateLimitUnit.DAY
    assert (read.statuses[0].limit_remaining, read.statuses[0].duration_until_reset.seconds) == (3, 7)
    assert (read.response_headers_to_add[0].key, read.response_headers_to_add[0].value) == ("retry-after", "7")
