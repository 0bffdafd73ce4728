"""Lists of long tables: no page waits for a count of all rows."""

from collections.abc import Sequence
from datetime import datetime
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


class YearsBetween(QuerySet[Any]):
    """Gives the date hierarchy every year from the first to the last, from the two ends of an index.

    Django's own reads every row to find the years that have one.
    """

    def datetimes(self, field_name: str, kind: Any, *args: Any, **kwargs: Any) -> Any:
        if kind != "year":
            return super().datetimes(field_name, kind, *args, **kwargs)
        return self._years(field_name)

    def _years(self, field_name: str) -> Sequence[datetime]:
        ends = self.order_by().aggregate(first=Min(field_name), last=Max(field_name))
        if ends["first"] is None:
            return []
        first, last = (timezone.localtime(ends[end]).year for end in ("first", "last"))
        zone = timezone.get_current_timezone()
        return [datetime(year, 1, 1, tzinfo=zone) for year in range(first, last + 1)]
