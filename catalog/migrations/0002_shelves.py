"""Brands, variants, pictures, stock; votes, reports and pictures of reviews: new tables and columns."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import catalog.models.products
import catalog.models.reviews


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Brand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(max_length=100, unique=True)),
            ],
            options={
                "db_table": "brands",
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="ProductImage",
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
                    "position",
                    models.PositiveSmallIntegerField(
                        default=1, help_text="1 is the picture that lists show."
                    ),
                ),
                ("url", models.URLField(blank=True, max_length=500)),
                (
                    "file",
                    models.FileField(
                        blank=True, max_length=200, upload_to=catalog.models.products._product_image_path
                    ),
                ),
                (
                    "alt",
                    models.CharField(
                        blank=True, help_text="What the picture shows, in words.", max_length=200
                    ),
                ),
            ],
            options={
                "db_table": "product_images",
                "ordering": ["product_id", "position", "id"],
            },
        ),
        migrations.CreateModel(
            name="ProductSearch",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="catalog.product",
                    ),
                ),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "db_table": "product_search",
            },
        ),
        migrations.CreateModel(
            name="ReviewImage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "file",
                    models.FileField(max_length=200, upload_to=catalog.models.reviews._review_image_path),
                ),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "review_images",
                "ordering": ["review_id", "id"],
            },
        ),
        migrations.CreateModel(
            name="ReviewReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("spam", "Spam"),
                            ("offensive", "Offensive"),
                            ("false", "False"),
                            ("personal", "Personal data"),
                            ("other", "Other"),
                        ],
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, help_text="When a moderator dealt with it.", null=True),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "review_reports",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ReviewVote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "review_votes",
            },
        ),
        migrations.AddField(
            model_name="product",
            name="attributes",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text='Facts such as {"colour": "blue", "size": "XL"}.',
                validators=[catalog.models.products.check_attributes],
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="rating_average",
            field=models.DecimalField(
                db_default=0, decimal_places=2, default=0, editable=False, max_digits=3
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="rating_count",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="product",
            name="stock",
            field=models.IntegerField(
                db_default=0, default=0, validators=[django.core.validators.MinValueValidator(0)]
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="stock_is_tracked",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="When off, the product sells whatever its stock says.",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="variant_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The listed product that this is a size or colour of.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="variants",
                to="catalog.product",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="earned_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="review",
            name="edited_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="review",
            name="helpful_count",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="review",
            name="verified_purchase",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="brand",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("name"),
                name="brands_name",
                violation_error_message="Another brand has this name.",
            ),
        ),
        migrations.AddConstraint(
            model_name="brand",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="brands_name_not_empty"
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="brand",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="products",
                to="catalog.brand",
            ),
        ),
        migrations.AddField(
            model_name="productimage",
            name="product",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="images",
                to="catalog.product",
            ),
        ),
        migrations.AddIndex(
            model_name="productsearch",
            index=django.contrib.postgres.indexes.GinIndex(fields=["words"], name="product_search_words"),
        ),
        migrations.AddField(
            model_name="reviewimage",
            name="review",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="images", to="catalog.review"
            ),
        ),
        migrations.AddField(
            model_name="reviewreport",
            name="review",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="reports",
                to="catalog.review",
            ),
        ),
        migrations.AddField(
            model_name="reviewreport",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="reviewvote",
            name="review",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="votes",
                to="catalog.review",
            ),
        ),
        migrations.AddField(
            model_name="reviewvote",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="productimage",
            index=models.Index(fields=["product", "position", "id"], name="product_images_of_product"),
        ),
        migrations.AddConstraint(
            model_name="productimage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("url", ""), models.Q(("file", ""), _negated=True)),
                    models.Q(models.Q(("url", ""), _negated=True), ("file", "")),
                    _connector="OR",
                ),
                name="product_images_url_or_file",
                violation_error_message="Give either an address or a file.",
            ),
        ),
        migrations.AddIndex(
            model_name="reviewreport",
            index=models.Index(
                condition=models.Q(("settled_at", None)), fields=["review"], name="review_reports_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewreport",
            constraint=models.UniqueConstraint(fields=("review", "user"), name="review_reports_once"),
        ),
        migrations.AddConstraint(
            model_name="reviewreport",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason__in", ["spam", "offensive", "false", "personal", "other"])),
                name="review_reports_reason_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewvote",
            constraint=models.UniqueConstraint(fields=("review", "user"), name="review_votes_once"),
        ),
    ]
