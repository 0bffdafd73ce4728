"""`wrk`, the load generator, with how much of the machine it took for itself."""

import json
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
    before = _cpu()
    ended = subprocess.run(
        _command(url, script, arguments, connections, seconds), capture_output=True, text=True, check=False
    )
    return _read(ended.args, ended.returncode, ended.stdout, ended.stderr, _cpu() - before)


@contextmanager
def loading(
    url: str, script: Path, arguments: Sequence[str], *, connections: int
) -> Iterator[Callable[[], Sample]]:
    """Send what the script makes for as long as the block lasts; what is yielded ends it and reads it.

    Raises:
        ProgramFailed: wrk failed, or some answer was none of 2xx.
    """
    before = _cpu()
    process = subprocess.Popen(
        _command(url, script, arguments, connections, 24 * 3600.0),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def end() -> Sample:
        process.send_signal(signal.SIGINT)  # wrk sums up and ends
        output, errors = process.communicate(timeout=60)
        return _read(process.args, process.returncode, output, errors, _cpu() - before)

    try:
        yield end
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _command(url: str, script: Path, arguments: Sequence[str], connections: int, seconds: float) -> list[str]:
    options = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout=30s", f"--script={script}"]
    return ["wrk", *options, url, "--", *arguments]


def _read(command: object, status: int, output: str, complaints: str, cpu: float) -> Sample:
    if status:
        raise ProgramFailed(f"{command} ended with {status}:\n{output}{complaints}")
    found = json.loads(output.strip().splitlines()[-1])
    if found["errors"]:
        raise ProgramFailed(f"{found['errors']} of {found['requests']} answers were errors:\n{output}")
    details = {name: float(value) for name, value in found.items()}
    details["generator_cpu_share"] = round(cpu / found["seconds"], 4)
    return Sample(found["requests"] / found["seconds"], details)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
