"""Doing things at the same time."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


def together(*jobs: Callable[[], Any], timeout: float = 30) -> list[Any]:
    """Start all jobs at one moment, each in a thread with its own connection; return what they did.

    A job's place in the list holds its result, or the exception that it raised.
    """
    start = threading.Barrier(len(jobs))
    results: list[Any] = [TimeoutError("still running")] * len(jobs)

    def run(position: int, job: Callable[[], Any]) -> None:
        try:
            start.wait(timeout)
            results[position] = job()
        except Exception as error:
            results[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    return results
