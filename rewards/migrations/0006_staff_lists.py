"""Indices of the admin's lists: the newest vouchers, and the kinds of ledger lines that are few among many."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("rewards", "0005_newest_lines")]

    operations = [
        AddIndexConcurrently(
            model_name="uservoucher",
            index=models.Index(fields=["-created_at", "-id"], name="newest_vouchers"),
        ),
        AddIndexConcurrently(
            model_name="pointstransaction",
            index=models.Index(
                fields=["transaction_type", "-effective_at", "-id"],
                name="rare_lines",
                condition=models.Q(transaction_type__in=["adjusted", "opening", "restored"]),
            ),
        ),
    ]
