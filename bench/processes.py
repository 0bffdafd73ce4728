"""Who started whom, and what programs take of the machine, from Linux's /proc."""

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def missing_figures() -> str | None:
    """Say that this system does not tell, or None where it does."""
    return None if (_PROC / "self" / "smaps_rollup").exists() else "it reads memory from Linux's /proc"


def megabytes(pid: int) -> float:
    """Return the proportional set size of a process and all below it, in MB of 2²⁰ bytes.

    A page that several processes share counts once, in parts.
    """
    kilobytes = 0
    for one in _with_descendants(pid):
        with suppress(OSError):  # it ended meanwhile
            lines = (_PROC / str(one) / "smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process, all below it, and those of its children that have ended."""
    ticks = 0
    for one in _with_descendants(pid):
        with suppress(OSError):
            ticks += sum(map(int, _stat(one)[11:15]))
    return ticks / _TICKS


def children(pid: int | None) -> list[int]:
    """Return the living children of a process, in the order of their ids; none of None."""
    found = []
    for folder in _PROC.glob("[0-9]*") if pid is not None else ():
        with suppress(OSError, ValueError):
            state, parent = _stat(int(folder.name))[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(folder.name))
    return sorted(found)


def _with_descendants(pid: int) -> list[int]:
    below: defaultdict[int, list[int]] = defaultdict(list)
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            below[int(_stat(int(folder.name))[1])].append(int(folder.name))
    found = [pid]
    for one in found:
        found += below[one]
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields after the command, which is in brackets and may have some of its own."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
