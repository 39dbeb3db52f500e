"""When a model is left alone after failures, and when it is asked again."""

import pytest

from services.llm.domain.errors import FailureKind
from services.llm.domain.health import LONGEST_REST, HealthBook, HealthNews, rest_after
from tests.fakes.llm_models import BASIC, CHEAP


def failed(*kinds: FailureKind, at: float = 0.0, retry_after: float = 0.0) -> HealthBook:
    book = HealthBook()
    for kind in kinds:
        book.failed(BASIC, kind, at, retry_after)
    return book


def test_model_nobody_has_asked_is_usable() -> None:
    assert HealthBook().of(BASIC, 0.0).usable


def test_one_broken_answer_is_forgiven_two_in_a_row_are_not() -> None:
    assert failed(FailureKind.BROKEN).of(BASIC, 0.0).usable
    state = failed(FailureKind.BROKEN, FailureKind.BROKEN).of(BASIC, 1.0)
    assert (state.usable, state.why, state.retry_after) == (False, "rests after being broken", 4.0)


def test_rest_ends_by_itself() -> None:
    assert failed(FailureKind.TIMED_OUT).of(BASIC, 5.1).usable


def test_success_forgets_what_was() -> None:
    book = failed(FailureKind.BROKEN)
    book.succeeded(BASIC)
    book.failed(BASIC, FailureKind.BROKEN, 1.0)
    assert book.of(BASIC, 1.0).usable


def test_provider_that_says_when_to_come_back_is_never_asked_any_sooner() -> None:
    assert failed(FailureKind.THROTTLED, retry_after=7.0).of(BASIC, 1.0).retry_after == 6.0
    assert failed(FailureKind.THROTTLED, retry_after=600.0).of(BASIC, 599.0).usable is False
    longer = failed(FailureKind.THROTTLED, retry_after=7.0)
    longer.failed(BASIC, FailureKind.THROTTLED, 1.0, 30.0)
    assert longer.of(BASIC, 1.0).retry_after == 30.0


def test_rest_that_is_over_lets_one_call_through_until_it_has_said_something() -> None:
    book = failed(FailureKind.TIMED_OUT)
    assert not book.begin(BASIC, 4.0)
    assert book.begin(BASIC, 5.1)
    assert not book.begin(BASIC, 5.2)
    assert book.of(BASIC, 5.2).why == "is tried out after being timed out"
    book.release(BASIC)
    assert book.begin(BASIC, 5.3)
    book.succeeded(BASIC)
    assert book.begin(BASIC, 5.4)
    assert book.begin(BASIC, 5.5)


def test_trial_that_never_ends_does_not_keep_others_out_for_ever() -> None:
    book = failed(FailureKind.TIMED_OUT)
    assert book.begin(BASIC, 5.1)
    assert book.begin(BASIC, 36.0)


def test_replicas_hear_of_breakers_that_open_and_close() -> None:
    news: list[HealthNews] = []
    here, there = HealthBook(news.append), HealthBook()
    here.failed(BASIC, FailureKind.TIMED_OUT, 0.0)
    there.hear(news[-1], 1000.0)
    assert there.of(BASIC, 1001.0).retry_after == 4.0
    here.succeeded(BASIC)
    there.hear(news[-1], 1002.0)
    assert there.of(BASIC, 1002.0).usable


def test_provider_with_a_resting_model_is_looked_after() -> None:
    book = failed(FailureKind.UNREACHABLE)
    assert book.is_troubled("local", 0.5)
    assert not book.is_troubled("local", 1.5)
    assert not book.is_troubled("openai", 0.5)


@pytest.mark.parametrize(
    ("kind", "failures", "rest"),
    [
        (FailureKind.UNREACHABLE, 1, 1.0),
        (FailureKind.UNREACHABLE, 3, 4.0),
        (FailureKind.FORBIDDEN, 1, LONGEST_REST),
        (FailureKind.GONE, 1, LONGEST_REST),
        (FailureKind.TIMED_OUT, 1, 5.0),
        (FailureKind.TIMED_OUT, 3, 20.0),
        (FailureKind.BROKEN, 99, LONGEST_REST),
    ],
)
def test_rest_grows_with_failures_to_a_limit(kind: FailureKind, failures: int, rest: float) -> None:
    assert rest_after(kind, failures, 0.0) == rest


def test_calls_that_fail_together_count_once() -> None:
    assert failed(*[FailureKind.BROKEN] * 50).of(BASIC, 0.0).retry_after == 5.0


def test_other_models_do_not_rest_with_it() -> None:
    assert failed(FailureKind.TIMED_OUT).of(CHEAP, 0.0).usable


def test_refused_probe_takes_a_provider_out_at_once_a_slow_one_at_the_second_time() -> None:
    book = HealthBook()
    book.probe_failed("local", FailureKind.TIMED_OUT)
    assert book.of(BASIC, 0.0).usable
    book.probe_failed("local", FailureKind.TIMED_OUT)
    assert not book.of(BASIC, 0.0).usable
    book.probe_failed("openai", FailureKind.UNREACHABLE)
    assert book.of(CHEAP, 0.0).why == "is unreachable"


def test_provider_that_is_back_starts_with_a_clean_record() -> None:
    book = failed(FailureKind.TIMED_OUT)
    book.probe_failed("local", FailureKind.UNREACHABLE)
    book.probed("local", None)
    assert book.of(BASIC, 0.0).usable


def test_probe_alone_does_not_forgive_a_model_that_times_out() -> None:
    book = failed(FailureKind.TIMED_OUT)
    book.probed("local", None)
    assert not book.of(BASIC, 0.0).usable


def test_model_the_provider_does_not_list_is_not_asked() -> None:
    book = HealthBook()
    book.probed("local", frozenset({"something-else"}))
    assert book.of(BASIC, 0.0).why == "is model not offered"
    book.probed("local", frozenset({"text"}))
    assert book.of(BASIC, 0.0).usable
