"""Many numbers in one statement."""

from collections.abc import Iterable


def bigints(numbers: Iterable[int]) -> str:
    """Return numbers as PostgreSQL spells an array, to be cast: `= ANY(%s::bigint[])`.

    The driver writes a list as `ARRAY[1, 2, …]`, an expression for each element, which the server parses and
    coerces one by one: for a thousand numbers that takes longer than finding their rows.
    """
    return "{" + ",".join(map(str, numbers)) + "}"
