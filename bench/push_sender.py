"""A process that sends pushes and reports, `python -m bench.push_sender ours|send_each`.

For each line that comes in it sends what is due, and prints a line of JSON when nothing is left.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from bench.yardstick.push import send_all_by_the_sdk  # noqa: E402
from notifications.services.sending import send_due  # noqa: E402

ENOUGH = 24 * 3600.0


def ours() -> int:
    return send_due(seconds=ENOUGH)


WAYS: dict[str, Callable[[], int]] = {"ours": ours, "send_each": send_all_by_the_sdk}


def _megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    send = WAYS[sys.argv[1]]
    send()  # what is done once in a process
    gc.collect()
    gc.freeze()  # as a worker does at its start
    print("ready", flush=True)
    for _ in sys.stdin:
        began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        sent = send()
        seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
        found = {
            "sent": sent,
            "seconds": round(seconds, 3),
            "cpu_us_a_message": round(
                1e6 * (used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime) / max(sent, 1), 1
            ),
            "megabytes": round(_megabytes(), 1),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
