"""Indexes and constraints of the tables that are in use; none keeps a write waiting."""

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("catalog", "0002_shelves"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="review",
            index=models.Index(fields=["user", "-created_at", "-id"], name="reviews_of_member"),
        ),
        AddIndexConcurrently(
            model_name="review",
            index=models.Index(
                condition=models.Q(("status", "approved")),
                fields=["product", "-created_at", "-id"],
                name="reviews_shown_newest",
            ),
        ),
        AddIndexConcurrently(
            model_name="review",
            index=models.Index(
                condition=models.Q(("status", "approved")),
                fields=["product", "-helpful_count", "-id"],
                name="reviews_shown_helpful",
            ),
        ),
        AddIndexConcurrently(
            model_name="product",
            index=models.Index(
                condition=models.Q(("variant_of__isnull", False)),
                fields=["variant_of"],
                name="products_variants",
            ),
        ),
        AddIndexConcurrently(
            model_name="product",
            index=models.Index(
                condition=models.Q(("brand__isnull", False)), fields=["brand"], name="products_of_brand"
            ),
        ),
        AddIndexConcurrently(
            model_name="product",
            index=models.Index(
                condition=models.Q(("is_active", True), ("variant_of__isnull", True)),
                fields=["created_at", "id"],
                name="products_listed_newest",
            ),
        ),
        AddIndexConcurrently(
            model_name="product",
            index=models.Index(
                condition=models.Q(("is_active", True), ("variant_of__isnull", True)),
                fields=["price", "id"],
                name="products_listed_price",
            ),
        ),
        AddIndexConcurrently(
            model_name="product",
            index=models.Index(
                condition=models.Q(("is_active", True), ("variant_of__isnull", True)),
                fields=["rating_average", "rating_count", "id"],
                name="products_listed_rating",
            ),
        ),
        AddConstraintNotValid(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("stock__gte", 0)), name="products_stock_not_negative"
            ),
        ),
        AddConstraintNotValid(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("variant_of", models.F("id")), _negated=True),
                name="products_not_own_variant",
            ),
        ),
        AddConstraintNotValid(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Func(
                    models.F("attributes"),
                    output_field=models.BooleanField(),
                    template="jsonb_typeof(%(expressions)s) = 'object'",
                ),
                name="products_attributes_object",
                violation_error_message="Attributes must be an object.",
            ),
        ),
        AddConstraintNotValid(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rating_average", 0), ("rating_count", 0)),
                    models.Q(("rating_average__range", (1, 5)), ("rating_count__gt", 0)),
                    _connector="OR",
                ),
                name="products_rating_1_to_5",
            ),
        ),
        ValidateConstraint(model_name="product", name="products_stock_not_negative"),
        ValidateConstraint(model_name="product", name="products_not_own_variant"),
        ValidateConstraint(model_name="product", name="products_attributes_object"),
        ValidateConstraint(model_name="product", name="products_rating_1_to_5"),
    ]
