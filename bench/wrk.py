"""`wrk`, the load generator, with how much of the machine it took for itself."""

import json
import resource
import shutil
import subprocess
from collections.abc import Sequence
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
    if found["errors"]:
        raise ProgramFailed(f"{found['errors']} of {found['requests']} answers were errors: {found}")
    details = {name: float(value) for name, value in found.items()}
    return Sample(found["requests"] / found["seconds"], details)


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
    command = [
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--timeout=30s",
        f"--script={script}",
        url,
    ]
    before = _cpu()
    ended = subprocess.run([*command, "--", *arguments], capture_output=True, text=True, check=False)
    cpu = _cpu() - before
    if ended.returncode:
        raise ProgramFailed(
            f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        )
    found: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return {**found, "generator_cpu_share": round(cpu / found["seconds"], 4)}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
