"""Showing how far long work is: a bar with rate and time left on a terminal, a line per phase elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


class Display:
    """What people see of a run."""

    def __init__(self, say: Callable[[str], object], bars: TextIO) -> None:
        """`say` shows a line; bars go to `bars` where that is a terminal."""
        self._say = say
        self._bars = bars
        self._on_terminal = bars.isatty()

    def say(self, line: str) -> None:
        """Show a line, above a bar that is there."""
        with tqdm.external_write_mode():
            self._say(line)

    @contextmanager
    def phase(self, title: str, *, total: int, unit: str, done: int = 0) -> Iterator[Callable[[int], None]]:
        """Show a phase for as long as the block runs; the block calls what it gets with how much is done.

        `done` is what an earlier run did. A unit `B` is shown in kB, MB, and so on.
        """
        began = time.monotonic()
        bar = tqdm(
            desc=title,
            total=total,
            initial=done,
            unit=unit if unit == "B" else f" {unit}",
            unit_scale=unit == "B",
            file=self._bars,
            disable=not self._on_terminal,
            dynamic_ncols=True,
        )
        reached = done

        def advance_to(now_done: int) -> None:
            nonlocal reached
            bar.update(now_done - reached)
            reached = now_done

        with bar:
            yield advance_to
        if not self._on_terminal:
            seconds = time.monotonic() - began
            rate = (reached - done) / max(seconds, 1e-6)
            self.say(f"{title}: {_amount(reached, unit)} in {seconds:.1f} s ({_amount(rate, unit)}/s)")


def _amount(count: float, unit: str) -> str:
    return f"{tqdm.format_sizeof(count)}B" if unit == "B" else f"{count:,.0f} {unit}"
