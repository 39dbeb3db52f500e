"""Money in minor units: whole cents, never fractions, never negative."""

from dataclasses import dataclass

from services.product.domain.errors import field_invalid

_NANOS = 1_000_000_000
# ISO 4217: currencies have two decimals unless they are listed here.
_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "XAF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
# PostgreSQL and protobuf count in 64 bits.
_MOST = 2**63 - 1


def decimals(currency: str) -> int:
    """Return how many decimals an amount of the currency has."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency in its minor unit."""

    currency: str
    minor: int

    @classmethod
    def of_units(cls, currency: str, units: int, nanos: int, field: str = "price") -> "Money":
        """Return the amount of whole units and billionths; refuse what a till could not charge."""
        if len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.isupper()):
            raise field_invalid(f"{field}.currency_code", "must be three capital letters, for example EUR")
        if units < 0 or nanos < 0:
            raise field_invalid(field, "must not be negative")
        if nanos >= _NANOS:
            raise field_invalid(f"{field}.nanos", "must be below one unit")
        scale = 10 ** decimals(currency)
        step = _NANOS // scale
        if nanos % step:
            raise field_invalid(f"{field}.nanos", f"{currency} has {decimals(currency)} decimals")
        minor = units * scale + nanos // step
        if minor > _MOST:
            raise field_invalid(f"{field}.units", "is too large")
        return cls(currency, minor)

    def units_and_nanos(self) -> tuple[int, int]:
        """Return the whole units and the rest in billionths."""
        scale = 10 ** decimals(self.currency)
        return self.minor // scale, self.minor % scale * (_NANOS // scale)

    def __str__(self) -> str:
        """Return the amount as a shopper reads it: `€49` or `€49.90`."""
        places = decimals(self.currency)
        whole, rest = divmod(self.minor, 10**places)
        amount = f"{whole:,}" + (f".{rest:0{places}d}" if rest else "")
        symbol = _SYMBOLS.get(self.currency)
        return f"{symbol}{amount}" if symbol else f"{amount} {self.currency}"
