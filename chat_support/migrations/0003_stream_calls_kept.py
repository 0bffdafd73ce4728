"""What looks up a user's and old calls of Stream while the site serves, and who may have calls made again."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat_support", "0002_first_rows"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="streamcall",
            index=models.Index(
                condition=models.Q(("action", "upsert_user")),
                fields=["subject", "state", "-id"],
                name="stream_calls_of_users",
            ),
        ),
        AddIndexConcurrently(
            model_name="streamcall",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", False)),
                fields=["answered_at"],
                name="stream_calls_answered",
            ),
        ),
        migrations.AlterModelOptions(
            name="streamcall",
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("retry_streamcall", "Can have calls to Stream made again that were given up")
                ],
            },
        ),
    ]
