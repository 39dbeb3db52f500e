"""Prices in minor units as the contracts spell them."""

from google.type import money_pb2


def set_money(money: money_pb2.Money, minor: int, currency: str) -> None:
    """Fill `money` with a price given in minor units (cents)."""
    money.currency_code = currency
    money.units, rest = divmod(minor, 100)
    money.nanos = rest * 10_000_000
