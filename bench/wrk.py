"""`wrk`, the load generator, with how much of the machine it took for itself."""

import json
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.frame import Sample
from bench.services import ProgramFailed


def missing_wrk() -> str | None:
    """Say how to get it, or None where it is there."""
    return None if shutil.which("wrk") else "wrk is missing: apt-get install wrk"


def load(url: str, script: Path, arguments: Sequence[str], *, connections: int, seconds: float) -> Sample:
    """Send what the script makes over `connections` for `seconds`; return requests a second.

    Raises:
        ProgramFailed: wrk failed, or some answer was none of 2xx.
    """
    found = report_of(url, script, arguments, connections=connections, seconds=seconds)
    return _sample(found)


def report_of(
    url: str,
    script: Path,
    arguments: Sequence[str],
    *,
    connections: int,
    seconds: float,
    threads: int = 1,
) -> dict[str, Any]:
    """Run wrk; return the JSON of the script's last line, and `generator_cpu_share`, of one core.

    Raises:
        ProgramFailed: wrk failed.
    """
    command = _command(url, script, arguments, connections=connections, seconds=seconds, threads=threads)
    before = _cpu()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return _read(command, ended.returncode, ended.stdout, ended.stderr, _cpu() - before)


@contextmanager
def loading(
    url: str, script: Path, arguments: Sequence[str], *, connections: int
) -> Iterator[Callable[[], Sample]]:
    """Send what the script makes for as long as the block lasts; what is yielded ends it and reads it.

    Raises:
        ProgramFailed: wrk failed, or some answer was none of 2xx.
    """
    command = _command(url, script, arguments, connections=connections, seconds=24 * 3600.0)
    before = _cpu()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end() -> Sample:
        process.send_signal(signal.SIGINT)  # wrk sums up and ends
        output, errors = process.communicate(timeout=60)
        return _sample(_read(command, process.returncode, output, errors, _cpu() - before))

    try:
        yield end
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _command(
    url: str,
    script: Path,
    arguments: Sequence[str],
    *,
    connections: int,
    seconds: float,
    threads: int = 1,
) -> list[str]:
    options = [f"-t{threads}", f"-c{connections}", f"-d{seconds:g}s", "--timeout=30s", f"--script={script}"]
    return ["wrk", *options, url, "--", *arguments]


def _read(command: Sequence[str], status: int, output: str, complaints: str, cpu: float) -> dict[str, Any]:
    if status:
        raise ProgramFailed(f"{' '.join(command)} ended with {status}:\n{output}{complaints}")
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return {**found, "generator_cpu_share": round(cpu / found["seconds"], 4)}


def _sample(found: dict[str, Any]) -> Sample:
    if found["errors"]:
        raise ProgramFailed(f"{found['errors']} of {found['requests']} answers were errors: {found}")
    return Sample(found["requests"] / found["seconds"], {name: float(one) for name, one in found.items()})


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
