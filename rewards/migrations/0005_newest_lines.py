"""The order of the whole ledger, for the admin; built while the site serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("rewards", "0004_staff_permissions")]

    operations = [
        AddIndexConcurrently(
            model_name="pointstransaction",
            index=models.Index(fields=["-effective_at", "-id"], name="newest_lines"),
        ),
    ]
