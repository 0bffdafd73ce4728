"""Indices for long tables.

What counts in a rolling year is read from the index of histories, without the lines; every type of line but the
two that are most of them, and vouchers that an order holds, are found and their first and last without a scan.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("rewards", "0004_points_at_checkout")]

    operations = [
        AddIndexConcurrently(
            model_name="pointstransaction",
            index=models.Index(
                fields=["user", "effective_at", "id"],
                include=("lifetime_points", "related"),
                name="history_and_rolling_year",
            ),
        ),
        RemoveIndexConcurrently(model_name="pointstransaction", name="history_of_a_member"),
        AddIndexConcurrently(
            model_name="pointstransaction",
            index=models.Index(
                fields=["transaction_type", "-effective_at", "-id"],
                name="rarer_lines",
                condition=~models.Q(transaction_type__in=["earned", "redeemed"]),
            ),
        ),
        RemoveIndexConcurrently(model_name="pointstransaction", name="rare_lines"),
        AddIndexConcurrently(
            model_name="uservoucher",
            index=models.Index(
                fields=["-created_at", "-id"],
                name="newest_held_vouchers",
                condition=models.Q(status="reserved"),
            ),
        ),
    ]
