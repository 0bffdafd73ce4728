"""Gunicorn's settings, for `make run` and for the image alike; the command line overrides them."""

import os
import shutil
from typing import Any

from config.embedded import data_directory

wsgi_app = "config.wsgi"
bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"

# A thread holds one database connection for as long as it lives: processes x threads must stay well below the
# database's max_connections, so both are numbers here and neither follows the machine by itself.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))

keepalive = 15  # longer than what a load balancer waits between two requests of one client is not needed
timeout = 30
graceful_timeout = 20
# The heartbeat file in memory: a slow disk must not look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
control_socket_disable = True
proc_name = "markethub"

# The processes share their counters through files, so that /metrics speaks of all of them whichever answers.
# Who starts other programs that count (config.run) names the folder, and empties it.
_own_metrics = None if "PROMETHEUS_MULTIPROC_DIR" in os.environ else data_directory() / "metrics"
if _own_metrics:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_own_metrics)


def on_starting(_server: Any) -> None:
    """Forget the counters of an earlier run."""
    if _own_metrics:
        shutil.rmtree(_own_metrics, ignore_errors=True)
        _own_metrics.mkdir(parents=True)


def child_exit(_server: Any, worker: Any) -> None:
    """Drop what a dead process said about itself alone."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
