"""The Celery application; its settings are the `CELERY_…` names of `config.settings`."""

import os
from typing import Any

from celery import Celery

from config.embedded import provide_or_exit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class _App(Celery):
    def connection_for_read(self, url: str | None = None, **options: Any) -> Any:
        """Let a worker wait for a Redis that is slow: who publishes must not.

        An acknowledgement that ran out of time keeps its place among those that the worker may fetch, and
        with the last place the worker would fetch nothing any more, for ever.
        """
        return super().connection_for_read(url, transport_options={"socket_timeout": None}, **options)


app = _App("markethub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect(weak=False)
def _embed(**_: Any) -> None:
    """`celery -A config` is an entry point of its own; this comes just before it reads the settings."""
    provide_or_exit()
