"""Reads fields of a JSON body one by one; what does not fit is refused with its path."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


class Bad(Exception):
    """A request that cannot be served as it is: the field at fault, and what is wrong with it."""

    def __init__(self, param: str, problem: str, status: int = 400, code: str = "field_invalid") -> None:
        """Take the field's path, empty for the whole, and the HTTP status that goes with it."""
        super().__init__(f"{param}: {problem}." if param else problem)
        self.param = param
        self.status = status
        self.code = code


def text_of(value: Any, at: str, longest: int) -> str:
    """Return a text. Raises Bad."""
    if not isinstance(value, str):
        raise Bad(at, "must be text")
    if len(value) > longest:
        raise Bad(at, f"may have {longest} characters")
    if "\x00" in value:
        raise Bad(at, "must not contain the character U+0000")
    return value


class Fields:
    """The fields of one object. An absent field and one that is null are the same."""

    __slots__ = ("_given", "_path")

    def __init__(self, given: Mapping[str, Any], path: str = "") -> None:
        """Take the object, and the path that leads to its fields."""
        self._given = given
        self._path = path

    @classmethod
    def within(cls, given: Any, at: str) -> "Fields":
        """Return the fields of an object that stands in a list."""
        if not isinstance(given, dict):
            raise Bad(at, "must be an object")
        return cls(given, f"{at}.")

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self._path}{name}"

    def value(self, name: str) -> Any:
        """Return whatever stands there."""
        return self._given.get(name)

    def text(self, name: str, longest: int) -> str:
        """Return a text, empty when there is none."""
        value = self._given.get(name)
        return "" if value is None else text_of(value, self.at(name), longest)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a truth value, the default when there is none."""
        value = self._given.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Bad(self.at(name), "must be true or false")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """Return a number within bounds."""
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Bad(self.at(name), "must be a number")
        if not least <= value <= most:
            raise Bad(self.at(name), f"must be between {least} and {most}")
        return float(value)

    def integer(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number within bounds."""
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise Bad(self.at(name), "must be a whole number")
        if not least <= value <= most:
            raise Bad(self.at(name), f"must be between {least} and {most}")
        return value

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        """Return one of the known words."""
        value = self._given.get(name)
        if value is None:
            return default
        if value not in known:
            raise Bad(self.at(name), f"is none of {', '.join(known)}")
        return str(value)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """Return an object."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, dict):
            raise Bad(self.at(name), "must be an object")
        return value

    def list(self, name: str, least: int = 0, most: int = 1000) -> Sequence[Any]:
        """Return a list of a size within bounds, empty when there is none."""
        value = self._given.get(name)
        if value is None:
            value = []
        if not isinstance(value, list):
            raise Bad(self.at(name), "must be a list")
        if not least <= len(value) <= most:
            raise Bad(self.at(name), f"must have {least} to {most} entries")
        return value

    def texts(self, name: str, most: int, longest: int, single: bool = False) -> Sequence[str]:
        """Return texts of at least one character; with `single` one text by itself will do."""
        value = self._given.get(name)
        given = [value] if single and isinstance(value, str) else self.list(name, most=most)
        found = [text_of(one, self.at(name), longest) for one in given]
        if not all(found):
            raise Bad(self.at(name), "no text may be empty")
        return found
