"""Categories as a tree, and brands."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import Count, QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Brand, Category

_SEPARATOR = " / "
# The names from the top of the tree down to the row's own: what sorts a tree as it is read.
_PATH = """
    WITH RECURSIVE above (name, parent_id, depth) AS (
        SELECT own.name, own.parent_id, 0 FROM categories AS own WHERE own.id = categories.id
        UNION ALL
        SELECT next.name, next.parent_id, above.depth + 1
        FROM categories AS next JOIN above ON next.id = above.parent_id
        WHERE above.depth < 50
    )
    SELECT string_agg(name, %s ORDER BY depth DESC) FROM above
"""


class TreeList(ChangeList):
    """Lists categories in the order of their tree until somebody sorts them by a column."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        # Here and not in ModelAdmin.get_ordering, by which other forms sort their choice of categories.
        return super().get_ordering(request, queryset) if ORDER_VAR in self.params else ["path", "pk"]


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("branch", "slug", "product_count", "updated_at")
    search_fields = ("name", "slug")
    autocomplete_fields = ("parent",)
    prepopulated_fields = {"slug": ("name",)}
    ordering = ("name", "pk")
    fields = ("name", "slug", "parent")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        path = RawSQL(_PATH, [_SEPARATOR], output_field=TextField())  # noqa: S611 - a constant
        categories: QuerySet[Category] = super().get_queryset(request)
        return categories.annotate(path=path, products_in=Count("products"))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TreeList

    @admin.display(description="name", ordering="path")
    def branch(self, category: Any) -> SafeString:
        depth = category.path.count(_SEPARATOR)
        return format_html('<span style="padding-left: {}em">{}</span>', depth * 2, category.name)

    @admin.display(description="products", ordering="products_in")
    def product_count(self, category: Any) -> int:
        return int(category.products_in)


@admin.register(Brand)
class BrandAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "slug", "updated_at")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fields = ("name", "slug")
