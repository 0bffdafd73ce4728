"""Columns and tables of checkout, and the shop's first terms."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def first_terms(apps, schema_editor):
    apps.get_model("orders", "CheckoutSettings").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
        ("orders", "0002_imports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckoutSettings",
            fields=[
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "shipping_fee",
                    models.DecimalField(
                        decimal_places=2,
                        default=60,
                        max_digits=10,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "free_shipping_from",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        default=500,
                        help_text="Rand of goods, after discounts and vouchers; empty: shipping is never free by itself.",
                        max_digits=10,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "vat_rate",
                    models.DecimalField(
                        decimal_places=2,
                        default=15,
                        help_text="In percent.",
                        max_digits=5,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="VAT rate",
                    ),
                ),
                (
                    "vat_included",
                    models.BooleanField(
                        default=True,
                        help_text="Whether prices and shipping hold it, or it is added to them.",
                        verbose_name="VAT included",
                    ),
                ),
                (
                    "minimum_subtotal",
                    models.DecimalField(
                        decimal_places=2,
                        default=0,
                        help_text="Rand of goods before discounts; below it there is no order.",
                        max_digits=10,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "unpaid_minutes",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="After that long an unpaid order is cancelled.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(43200),
                        ],
                    ),
                ),
                (
                    "quote_minutes",
                    models.PositiveIntegerField(
                        default=15,
                        help_text="For that long a quoted price can be ordered.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                    ),
                ),
            ],
            options={
                "verbose_name": "checkout settings",
                "verbose_name_plural": "checkout settings",
                "db_table": "checkout_settings",
            },
        ),
        migrations.CreateModel(
            name="ReturnRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("accepted", "Accepted"),
                            ("refused", "Refused"),
                        ],
                        default="requested",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="What staff answered; the member sees it.", max_length=500
                    ),
                ),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "db_table": "order_return_requests",
                "ordering": ["-requested_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ReturnRequestLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("qty", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "db_table": "order_return_request_lines",
                "ordering": ["request_id", "item_id"],
            },
        ),
        migrations.AddField(
            model_name="order",
            name="pay_by",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="payment_reference",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="order",
            name="placed_key",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=300),
        ),
        migrations.AddField(
            model_name="order",
            name="tax_included",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="stock_taken",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="From counted stock, to which a cancelled order gives it back.",
            ),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="tax",
            field=models.DecimalField(
                db_default=0,
                decimal_places=2,
                default=0,
                help_text="Its share of the order's tax.",
                max_digits=12,
            ),
        ),
        migrations.AddField(
            model_name="orderreturn",
            name="points_back",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="orderreturn",
            name="refund",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=12, null=True),
        ),
        migrations.AddConstraint(
            model_name="checkoutsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("id", 1)), name="checkout_settings_is_one_row"
            ),
        ),
        migrations.AddConstraint(
            model_name="checkoutsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("minimum_subtotal__gte", 0),
                    ("shipping_fee__gte", 0),
                    models.Q(
                        ("free_shipping_from__isnull", True), ("free_shipping_from__gte", 0), _connector="OR"
                    ),
                ),
                name="checkout_settings_money_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="checkoutsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("vat_rate__range", (0, 100))), name="checkout_settings_vat_in_percent"
            ),
        ),
        migrations.AddConstraint(
            model_name="checkoutsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("quote_minutes__gt", 0), ("unpaid_minutes__gt", 0)),
                name="checkout_settings_windows_positive",
            ),
        ),
        migrations.AddField(
            model_name="returnrequest",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="return_requests", to="orders.order"
            ),
        ),
        migrations.AddField(
            model_name="returnrequest",
            name="order_return",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="request",
                to="orders.orderreturn",
            ),
        ),
        migrations.AddField(
            model_name="returnrequestline",
            name="item",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="orders.orderitem",
            ),
        ),
        migrations.AddField(
            model_name="returnrequestline",
            name="request",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="orders.returnrequest",
            ),
        ),
        migrations.AddIndex(
            model_name="returnrequest",
            index=models.Index(fields=["status", "-requested_at"], name="return_requests_by_status"),
        ),
        migrations.AddConstraint(
            model_name="returnrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "requested")),
                fields=("order",),
                name="return_requests_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("decided_at__isnull", True), ("order_return__isnull", True), ("status", "requested")
                    ),
                    models.Q(
                        ("decided_at__isnull", False), ("order_return__isnull", False), ("status", "accepted")
                    ),
                    models.Q(
                        ("decided_at__isnull", False), ("order_return__isnull", True), ("status", "refused")
                    ),
                    _connector="OR",
                ),
                name="return_requests_decided_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="returnrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="return_requests_have_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="returnrequestline",
            constraint=models.UniqueConstraint(fields=("request", "item"), name="return_request_lines_once"),
        ),
        migrations.AddConstraint(
            model_name="returnrequestline",
            constraint=models.CheckConstraint(
                condition=models.Q(("qty__gt", 0)), name="return_request_lines_qty_positive"
            ),
        ),
        migrations.RunPython(first_terms, migrations.RunPython.noop),
    ]
