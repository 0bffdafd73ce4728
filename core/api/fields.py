"""Serializer fields that every app shares."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

_BIGINT_MAX = 2**63 - 1


class Money(serializers.DecimalField):
    """An amount in rand: a decimal string with two places, both ways."""

    def __init__(self, *, max_digits: int = 12, **kwargs: Any) -> None:
        super().__init__(max_digits=max_digits, decimal_places=2, coerce_to_string=True, **kwargs)


class Text(serializers.CharField):
    """A string: a number or a boolean is not turned into one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Moment(serializers.DateTimeField):
    """A time within the years that anything here could know; without an offset it is local."""

    default_error_messages = {"out_of_range": "Between the years 1970 and 2200."}

    def to_internal_value(self, value: Any) -> datetime:
        try:
            moment = super().to_internal_value(value)
            year = moment.astimezone(UTC).year
        except OverflowError:  # the first and the last day that there are, somewhere else
            self.fail("out_of_range")
        if not 1970 < year < 2200:
            self.fail("out_of_range")
        return moment


class RowId(serializers.IntegerField):
    """The id of a row: what PostgreSQL cannot hold is refused here and not by PostgreSQL."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=_BIGINT_MAX, **kwargs)
