"""Reports: which there are, over which interval, and the tables they answer with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.runtime.errors import FieldViolation, Invalid

LONGEST = timedelta(days=366)
USUAL = timedelta(days=30)

Cell = str | int | float
Row = Sequence[Cell]


class Report(StrEnum):
    """Which table is asked for."""

    OVERVIEW = "overview"
    DAILY = "daily"
    TOP_PRODUCTS = "top_products"
    TOP_SEARCHES = "top_searches"
    EMPTY_SEARCHES = "empty_searches"
    FUNNEL = "funnel"


@dataclass(frozen=True, slots=True)
class Interval:
    """From the first moment counted to the first moment no longer counted."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, start: datetime | None, end: datetime | None, now: datetime) -> "Interval":
        """Return the interval asked for, with the usual bounds where none are named.

        Raises Invalid (INTERVAL_INVALID) when it ends before it begins or is longer than a year.
        """
        end = end or now
        start = start or _earlier(end, USUAL)
        if start >= end:
            raise _invalid("The interval ends before it begins.", "start_time", "must be before the end")
        if end - start > LONGEST:
            raise _invalid("The interval is longer than a year.", "start_time", "is more than a year before the end")
        return cls(start, end)

    def before(self) -> "Interval":
        """Return the interval of the same length that ends where this one begins."""
        return Interval(_earlier(self.start, self.end - self.start), self.start)


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and their rows."""

    columns: Sequence[str]
    rows: Sequence[Row]


def overview(current: Table, previous: Table) -> Table:
    """Return one row that holds an interval's figures and those of the interval before it."""
    columns = [*current.columns, *[f"previous_{name}" for name in previous.columns]]
    return Table(columns, [[*current.rows[0], *previous.rows[0]]])


def conversion(sessions: int, buying_sessions: int) -> float:
    """Return the share of visits that ended in a purchase, 0 without visits."""
    return round(buying_sessions / sessions, 4) if sessions else 0.0


def _earlier(moment: datetime, span: timedelta) -> datetime:
    """Return the moment that long before, at the earliest the first one there is."""
    first = datetime.min.replace(tzinfo=moment.tzinfo)
    return moment - span if moment - first > span else first


def _invalid(message: str, field: str, problem: str) -> Invalid:
    return Invalid("INTERVAL_INVALID", message, [FieldViolation(field, problem)])
