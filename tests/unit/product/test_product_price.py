"""Money: exact in both directions, never negative, never finer than a till."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.product.domain.price import Money, decimals
from services.runtime.errors import Invalid

CURRENCIES = st.sampled_from(["EUR", "USD", "GBP", "JPY", "KWD"])


@given(CURRENCIES, st.integers(0, 2**60))
def test_units_and_nanos_come_back_as_the_same_amount(currency: str, minor: int) -> None:
    money = Money(currency, minor)
    assert Money.of_units(currency, *money.units_and_nanos()) == money


@given(CURRENCIES, st.integers(0, 10**9), st.integers(0, 999_999_999))
def test_nanos_are_taken_exactly_or_refused(currency: str, units: int, nanos: int) -> None:
    step = 10 ** (9 - decimals(currency))
    if nanos % step:
        with pytest.raises(Invalid):
            Money.of_units(currency, units, nanos)
    else:
        assert Money.of_units(currency, units, nanos).units_and_nanos() == (units, nanos)


@pytest.mark.parametrize(("units", "nanos"), [(-1, 0), (0, -10_000_000), (-1, -10_000_000), (0, 1_000_000_000)])
def test_negative_and_overflowing_amounts_are_refused(units: int, nanos: int) -> None:
    with pytest.raises(Invalid, match="price"):
        Money.of_units("EUR", units, nanos)


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "E1R", "ЕUR"])
def test_currency_must_be_three_capital_letters(currency: str) -> None:
    with pytest.raises(Invalid) as caught:
        Money.of_units(currency, 1, 0, "product.price")
    assert caught.value.violations[0].field == "product.price.currency_code"


def test_more_than_the_database_can_count_is_refused() -> None:
    with pytest.raises(Invalid):
        Money.of_units("EUR", 2**63 - 1, 0)


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (Money("EUR", 4_900), "€49"),
        (Money("EUR", 4_905), "€49.05"),
        (Money("USD", 123_456_70), "$123,456.70"),
        (Money("JPY", 900), "¥900"),
        (Money("KWD", 1_250), "1.250 KWD"),
    ],
)
def test_amounts_read_as_shoppers_write_them(money: Money, shown: str) -> None:
    assert str(money) == shown
