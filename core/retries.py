"""How long what failed rests before it is tried again. Pure."""

import random
from datetime import timedelta


def backoff(tries: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return the wait after the n-th try: `first`, doubled each time, `longest` at most, and up to a quarter
    more, so that what failed together does not come back together."""
    wait = min(first * (1 << min(tries - 1, 16)), longest)
    return wait * random.uniform(1.0, 1.25)  # noqa: S311 - nothing secret hangs on it
