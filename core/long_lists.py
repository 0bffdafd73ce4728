"""Lists of long tables: no page waits for a count of all rows."""

from datetime import date, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Max, Min, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

MOST_COUNTED = 10_000


class AtLeast(int):
    """A count that stopped; it reads as what it is."""

    def __str__(self) -> str:
        return f"more than {int(self) - 1:,}"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than 10,000 rows: nobody turns that many pages, and a filter finds sooner."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: MOST_COUNTED + 1].count()
        return AtLeast(counted) if counted > MOST_COUNTED else counted


class EveryPeriod(QuerySet[Any]):
    """Gives the date hierarchy every year, month or day from the first row's to the last row's.

    It asks for the two ends of an index; Django's own reads every row to find the periods that have one.
    """

    def datetimes(self, field_name: str, kind: Any, *args: Any, **kwargs: Any) -> Any:
        ends = self.order_by().aggregate(first=Min(field_name), last=Max(field_name))
        if ends["first"] is None:
            return []
        first, last = (timezone.localdate(ends[end]) for end in ("first", "last"))
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return sorted({_beginning(day, kind) for day in days})


def _beginning(day: date, kind: str) -> date:
    match kind:
        case "year":
            return day.replace(month=1, day=1)
        case "month":
            return day.replace(day=1)
    return day
