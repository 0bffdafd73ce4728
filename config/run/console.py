"""What `make run` prints. A terminal that has gone must not stop the stopping."""

import sys
from contextlib import suppress


def say(line: str, *, of: str = "", error: bool = False) -> None:
    """Print a line, with the program that it is `of`; lines of several threads do not mix."""
    text = f"{of:>8} | {line}\n" if of else f"{line}\n"
    with suppress(OSError, ValueError):
        print(text, end="", flush=True, file=sys.stderr if error else sys.stdout)
