"""Pictures of what members ask to send back."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import orders.checkout_models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_checkout_validated"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReturnPicture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file", models.FileField(max_length=200, upload_to=orders.checkout_models._picture_path)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pictures",
                        to="orders.returnrequest",
                    ),
                ),
            ],
            options={
                "db_table": "order_return_pictures",
                "ordering": ["request_id", "id"],
            },
        ),
    ]
