"""A real PostgreSQL and a real Redis beside the project, for trying it and testing it.

Both are binaries from wheels, run under `DATA_DIR` on Unix sockets. Every process that uses them holds a
shared lock; a supervisor per server starts it for the first and stops it after the last, however that one
ended. Production sets `DATABASE_URL` and `REDIS_URL`, and then nothing here runs.
"""

from config.embedded.provide import data_directory, embedded_names, provide, provide_or_exit, withdraw
from config.embedded.user import ServiceFailed

__all__ = ["ServiceFailed", "data_directory", "embedded_names", "provide", "provide_or_exit", "withdraw"]
