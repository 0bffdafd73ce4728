"""Constraints of checkout, in force for what is written from now on; the next migration checks the rest."""

import django.db.models.expressions
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_checkout")]

    operations = [
        AddConstraintNotValid(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("subtotal", 0),
                    models.Q(
                        ("tax_included", True),
                        (
                            "total",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("subtotal"), "-", models.F("discount")
                                    ),
                                    "-",
                                    models.F("points_value"),
                                ),
                                "+",
                                models.F("shipping"),
                            ),
                        ),
                    ),
                    models.Q(
                        ("tax_included", False),
                        (
                            "total",
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("subtotal"), "-", models.F("discount")
                                        ),
                                        "-",
                                        models.F("points_value"),
                                    ),
                                    "+",
                                    models.F("shipping"),
                                ),
                                "+",
                                models.F("tax"),
                            ),
                        ),
                    ),
                    _connector="OR",
                ),
                name="orders_total_with_tax_adds_up",
            ),
        ),
        AddConstraintNotValid(
            model_name="orderitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax__gte", 0)), name="order_items_tax_not_negative"
            ),
        ),
        AddConstraintNotValid(
            model_name="orderreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("points_back__gte", 0),
                    models.Q(("refund__isnull", True), ("refund__gte", 0), _connector="OR"),
                ),
                name="order_returns_give_back_not_negative",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="order",
            name="orders_total_adds_up",
        ),
        # On the way back, before the old rule returns: it knows tax only on top, and has no column that says
        # otherwise.
        migrations.RunSQL(
            sql=migrations.RunSQL.noop, reverse_sql="UPDATE orders SET tax = 0 WHERE tax_included AND tax > 0"
        ),
    ]
