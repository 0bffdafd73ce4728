"""What a point pays, and how few may pay."""

from decimal import Decimal

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rewards", "0003_first_programme")]

    operations = [
        migrations.AddField(
            model_name="programme",
            name="minimum_points",
            field=models.IntegerField(
                db_default=0,
                default=0,
                help_text="Fewer than these can't be used to pay for an order.",
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddField(
            model_name="programme",
            name="point_value",
            field=models.DecimalField(
                db_default=Decimal("0.10"),
                decimal_places=4,
                default=Decimal("0.10"),
                help_text="Rand that a point pays at checkout; 0 means that points can't pay.",
                max_digits=6,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddConstraint(
            model_name="programme",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum_points__gte", 0), ("point_value__gte", 0)),
                name="programme_payment_not_negative",
            ),
        ),
    ]
