"""Serializer fields that every app shares."""

import json
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


class AppObject(serializers.DictField):
    """An object that the app keeps with us: stored and given back, never read."""

    levels = 32

    def __init__(self, *, max_bytes: int, **kwargs: Any) -> None:
        self.max_bytes = max_bytes
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        # What was just shallow enough to be read may be too deep to be written, where more is on the stack.
        if not _nests_within(data, self.levels):
            raise serializers.ValidationError(f"May nest {self.levels} levels deep.")
        try:
            written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            raise serializers.ValidationError("Text must be Unicode without lone surrogates.") from None
        # Escaped backslashes aside, this is how a null is written, which jsonb cannot hold.
        if rb"\u0000" in written.replace(rb"\\", b""):
            raise serializers.ValidationError("Null characters are not allowed.")
        if len(written) > self.max_bytes:
            raise serializers.ValidationError(f"May have {self.max_bytes} bytes as JSON.")
        return data


def _nests_within(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_nests_within(part, levels - 1) for part in parts)
