"""`pgbench`, PostgreSQL's own load generator: what a script of statements takes without any web server."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from psycopg2.extensions import parse_dsn

from bench.frame import Sample
from bench.services import ProgramFailed, Services
from config.embedded.postgres import program

_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_RATE = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")


def transactions(
    services: Services, script: str, variables: Mapping[str, int], *, connections: int, seconds: float
) -> Sample:
    """Run a script of `bench/` over `connections` for `seconds`; return transactions a second.

    Raises:
        ProgramFailed: pgbench failed, or one of the transactions.
    """
    dsn = parse_dsn(services.database_url)
    command = [str(program("pgbench")), "--no-vacuum", "--protocol=prepared"]
    command += [f"--file={Path(__file__).parent / script}"]
    command += [f"--client={connections}", f"--time={seconds:.0f}"]
    command += [f"--define={name}={value}" for name, value in variables.items()]
    command += [f"--{name}={dsn[key]}" for name, key in (("host", "host"), ("username", "user"))]
    ended = subprocess.run([*command, dsn["dbname"]], capture_output=True, text=True, check=False)
    done, failed, rate = (pattern.search(ended.stdout) for pattern in (_DONE, _FAILED, _RATE))
    if ended.returncode or not (done and failed and rate) or int(failed[1]):
        raise ProgramFailed(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
    return Sample(float(rate[1]), {"transactions": float(done[1])})
