"""What programs take of the machine."""

import os
import signal
import subprocess
import sys

import pytest

from bench.processes import cpu_seconds, megabytes, missing_figures

pytestmark = pytest.mark.skipif(bool(missing_figures()), reason="Linux only")

# 60 MB, and half a second of a processor.
_CHILD = """
import os, time
held = bytearray(60 * 2**20)
began = time.process_time()
while time.process_time() < began + 0.5: pass
print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_memory_and_processor_time_are_of_a_process_and_all_below_it() -> None:
    command = ["sh", "-c", '"$0" -c "$1"; true', sys.executable, _CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            assert child != parent.pid
            assert 60 < megabytes(parent.pid) < 120
            assert 0.5 <= cpu_seconds(parent.pid) < 2
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_process_that_is_gone_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    assert (megabytes(gone.pid), cpu_seconds(gone.pid)) == (0, 0)
