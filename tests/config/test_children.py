"""The programs of `make run`: started again when they end, ended with all that they started."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded.locks import processes_holding
from config.run.children import Child
from tests.config.users import eventually, run_python

# Holds the file open, has a child of its own that does too, and says when both are there.
PROGRAM = """
import subprocess, sys, time
open_file = open(sys.argv[1], "a")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[open_file.fileno()])
print("both are there", flush=True)
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + PROGRAM

Begin = Callable[[str], Child]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    return tmp_path / "held"


@pytest.fixture
def begin(tmp_path: Path, held: Path) -> Iterator[Begin]:
    begun: list[Child] = []

    def begin_child(program: str) -> Child:
        command = [sys.executable, "-c", program, str(held)]
        child = Child("program", command, tmp_path, orphaned=signal.SIGKILL)
        begun.append(child)
        child.start()
        assert eventually(lambda: beginnings(tmp_path) == 1)
        return child

    yield begin_child
    for child in begun:
        child.end(deadline=0)


def beginnings(logs: Path) -> int:
    log = logs / "program.log"
    return log.read_text().count("both are there") if log.exists() else 0


def others_holding(path: Path) -> set[int]:
    return set(processes_holding(path))


def test_a_program_that_ends_is_started_again_and_nothing_of_the_first_is_left(
    begin: Begin, held: Path, tmp_path: Path
) -> None:
    child = begin(PROGRAM)
    first = others_holding(held)
    assert len(first) == 2
    os.kill(min(first), signal.SIGKILL)

    def is_back() -> bool:
        child.start_again_if_ended()
        return beginnings(tmp_path) == 2

    assert eventually(is_back)
    assert len(others_holding(held)) == 2
    assert not others_holding(held) & first


def test_a_program_is_ended_with_what_it_started(begin: Begin, held: Path) -> None:
    child = begin(PROGRAM)
    child.ask_to_end()
    child.end(deadline=time.monotonic() + 5)
    assert not child.is_running()
    assert others_holding(held) == set()


def test_a_program_that_does_not_heed_is_killed(begin: Begin, held: Path) -> None:
    child = begin(STUBBORN)
    child.ask_to_end()
    child.end(deadline=time.monotonic() + 0.3)
    assert not child.is_running()
    assert others_holding(held) == set()


def test_a_program_does_not_outlive_a_killed_parent(tmp_path: Path, held: Path) -> None:
    script = (
        "import signal, sys, time; from pathlib import Path; from config.run.children import Child;"
        "code = 'import sys, time; held = open(sys.argv[1], \"a\"); time.sleep(60)';"
        "command = [sys.executable, '-c', code, sys.argv[2]];"
        "Child('it', command, Path(sys.argv[1]), orphaned=signal.SIGTERM).start(); time.sleep(60)"
    )
    with run_python("-c", script, str(tmp_path), str(held), environment=dict(os.environ)) as parent:
        assert eventually(lambda: len(others_holding(held)) == 1)
        parent.kill()
    assert eventually(lambda: not others_holding(held))
