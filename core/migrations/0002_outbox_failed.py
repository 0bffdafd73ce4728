"""Finds the messages that failed before, without passing over all that are fresh."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0001_initial")]

    operations = [
        AddIndexConcurrently(
            model_name="outboxmessage",
            index=models.Index(
                condition=models.Q(("died_at", None), ("tries__gt", 0)),
                fields=["subscriber", "due_at", "id"],
                name="outbox_failed",
            ),
        )
    ]
