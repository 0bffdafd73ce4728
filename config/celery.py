"""The Celery application; its settings are the `CELERY_…` names of `config.settings`."""

import os
from typing import Any

from celery import Celery

from config.embedded import provide_or_exit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("markethub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect(weak=False)
def _embed(**_: Any) -> None:
    """`celery -A config` is an entry point of its own; this comes just before it reads the settings."""
    provide_or_exit()
