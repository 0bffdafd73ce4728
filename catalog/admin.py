"""Categories, products and the moderation of reviews in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from catalog.models import Category, Product, Review
from catalog.services.reviews import approve_review, reject_review
from core import audit
from core.contracts import Actor


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "parent", "slug")
    list_select_related = ("parent",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("parent",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "sku", "price_in_rand", "category", "is_active", "updated_at")
    list_select_related = ("category",)
    list_filter = ("is_active", "category")
    search_fields = ("name", "sku")
    search_help_text = "Name or SKU."
    autocomplete_fields = ("category",)
    show_full_result_count = False
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    readonly_fields = ("picture", "created_at", "updated_at")
    fields = (
        "sku",
        "name",
        "description",
        "category",
        "price",
        "is_active",
        "image_url",
        "picture",
        "created_at",
        "updated_at",
    )

    @admin.display(description="price", ordering="price")
    def price_in_rand(self, product: Product) -> str:
        return f"R {product.price:,.2f}"

    @admin.display(description="picture")
    def picture(self, product: Product) -> str:
        if not product.image_url:
            return "-"
        return format_html('<img src="{}" alt="" style="max-height: 12em">', product.image_url)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Save; a changed price is money, so it goes into the audit trail."""
        super().save_model(request, obj, form, change)
        if change and "price" in form.changed_data:
            audit.record(
                actor=Actor.of(request.user),
                action="product.price",
                target=obj,
                before={"price": form.initial["price"]},
                after={"price": obj.price},
            )


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Reviews are written by members and only let in or kept out here."""

    list_display = ("product", "user", "rating", "beginning", "status", "created_at", "moderated_by")
    list_select_related = ("product", "user")
    list_filter = ("status", "rating", "created_at")
    search_fields = ("=product__sku", "product__name", "=user__username", "=user__email", "text")
    search_help_text = "SKU, product, text; a member's whole username or e-mail."
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ("approve", "reject")

    @admin.display(description="text")
    def beginning(self, review: Review) -> str:
        return review.text if len(review.text) <= 80 else f"{review.text[:79]}…"

    @admin.action(description="Approve the selected reviews", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        self._moderate(request, queryset, approve_review, "approved")

    @admin.action(description="Reject the selected reviews", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        self._moderate(request, queryset, reject_review, "rejected")

    def _moderate(self, request: HttpRequest, queryset: QuerySet[Review], service: Any, done: str) -> None:
        ids = list(queryset.exclude(status=done).order_by("pk").values_list("pk", flat=True))
        for review_id in ids:
            service(review_id=review_id, actor=Actor.of(request.user), at=timezone.now())
        self.message_user(request, f"{len(ids)} reviews {done}.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Review | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Review | None = None) -> tuple[str, ...]:
        return tuple(field.name for field in Review._meta.fields)
