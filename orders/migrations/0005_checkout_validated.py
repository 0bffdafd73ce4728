"""Proves the constraints over the old rows, and builds the indexes, without keeping writers out."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0004_checkout_constraints")]

    operations = [
        ValidateConstraint("order", "orders_total_with_tax_adds_up"),
        ValidateConstraint("orderitem", "order_items_tax_not_negative"),
        ValidateConstraint("orderreturn", "order_returns_give_back_not_negative"),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                condition=models.Q(("pay_by__isnull", False), ("status", "pending")),
                fields=["pay_by", "id"],
                name="orders_unpaid",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    sql="""
                        CREATE UNIQUE INDEX CONCURRENTLY orders_placed_once ON orders (user_id, placed_key)
                        WHERE NOT (placed_key = '')
                    """,
                    reverse_sql="DROP INDEX CONCURRENTLY orders_placed_once",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="order",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("placed_key", ""), _negated=True),
                        fields=("user", "placed_key"),
                        name="orders_placed_once",
                    ),
                ),
            ],
        ),
    ]
