"""What people see of a run."""

import io

from core.progress import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_with_amount_rate_and_time_left() -> None:
    said: list[str] = []
    terminal = Terminal()
    with Display(said.append, terminal).phase("Orders", total=400, unit="rows", done=100) as advance_to:
        advance_to(200)
        advance_to(400)
    last = terminal.getvalue().split("\r")[-1]
    assert last.startswith("Orders: 100%|")
    assert "| 400/400 [00:00<00:00, " in last
    assert " rows/s]" in last
    assert said == []


def test_elsewhere_a_phase_is_one_line_with_its_rate() -> None:
    said: list[str] = []
    quiet = io.StringIO()
    display = Display(said.append, quiet)
    with display.phase("Orders", total=5000, unit="rows", done=100) as advance_to:
        advance_to(5000)
    with display.phase("Reading a.csv", total=2_500_000, unit="B") as advance_to:
        advance_to(2_500_000)
    assert quiet.getvalue() == ""
    assert said[0].startswith("Orders: 5,000 rows in 0.0 s (")
    assert said[0].endswith(" rows/s)")
    assert said[1].startswith("Reading a.csv: 2.50MB in 0.0 s (")


def test_a_phase_that_fails_says_no_line_of_success() -> None:
    said: list[str] = []
    display = Display(said.append, io.StringIO())
    try:
        with display.phase("Orders", total=1, unit="rows"):
            raise ValueError
    except ValueError:
        pass
    assert said == []
