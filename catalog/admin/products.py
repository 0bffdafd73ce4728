"""Products with their variants and pictures, and stock counted by hand."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from catalog.admin.forms import StockForm
from catalog.admin.inlines import ImageInline, VariantInline
from catalog.admin.saving import audit_product, save_changed
from catalog.models import Product, ProductImage
from catalog.services.counting import adjust_stock
from core.contracts import Actor
from core.errors import DomainError
from core.pictures import delete_after_commit


class ListedFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("listed", "listed"), ("variant", "variants"), ("out", "out of stock")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Product]) -> models.QuerySet[Product]:
        match self.value():
            case "listed":
                return queryset.filter(variant_of=None)
            case "variant":
                return queryset.exclude(variant_of=None)
            case "out":
                return queryset.filter(stock_is_tracked=True, stock=0)
        return queryset


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "sku", "price_in_rand", "category", "brand", "in_stock", "rated", "is_active")
    list_select_related = ("category", "brand")
    list_filter = (ListedFilter, "is_active", "category", "brand")
    search_fields = ("name", "sku")
    search_help_text = "Name or SKU."
    autocomplete_fields = ("category", "brand", "variant_of")
    show_full_result_count = False
    change_form_template = "admin/catalog/product/change_form.html"
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    inlines = (VariantInline, ImageInline)
    fieldsets = (
        (None, {"fields": ("name", ("sku", "variant_of"), "description", ("category", "brand"))}),
        ("For sale", {"fields": (("price", "is_active"), ("stock", "stock_is_tracked"), "attributes")}),
        ("Picture elsewhere", {"fields": ("image_url", "picture")}),
        ("Of itself", {"fields": (("rated", "created_at", "updated_at"),)}),
    )

    @admin.display(description="price", ordering="price")
    def price_in_rand(self, product: Product) -> str:
        return f"R {product.price:,.2f}"

    @admin.display(description="stock", ordering="stock")
    def in_stock(self, product: Product) -> str:
        return str(product.stock) if product.stock_is_tracked else "not counted"

    @admin.display(description="rating", ordering="rating_average")
    def rated(self, product: Product) -> str:
        return f"{product.rating_average} of {product.rating_count}" if product.rating_count else "-"

    @admin.display(description="picture")
    def picture(self, product: Product) -> str:
        if not product.image_url:
            return "-"
        return format_html('<img src="{}" alt="" style="max-height: 12em">', product.image_url)

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        fixed: tuple[str, ...] = ("picture", "rated", "created_at", "updated_at")
        if obj is None:
            return fixed
        # Sold while the form was open, it must not be sold again by saving the form: see Adjust stock.
        fixed += ("stock",)
        return fixed if obj.variant_of_id is None else (*fixed, "category", "brand")

    def get_inlines(self, request: HttpRequest, obj: Product | None) -> tuple[Any, ...]:
        return (ImageInline,) if obj is not None and obj.variant_of_id else (VariantInline, ImageInline)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Save what was changed and nothing else; a changed price is money, so it is audited."""
        if obj.variant_of is not None:
            obj.category_id, obj.brand_id = obj.variant_of.category_id, obj.variant_of.brand_id
        if not change:
            super().save_model(request, obj, form, change)
            return
        moved = ["category", "brand"] if "variant_of" in form.changed_data else []
        save_changed(obj, form, *moved)
        audit_product(Actor.of(request.user), obj, form)
        if {"category", "brand"} & set(form.changed_data):
            # Lists, vouchers and rules read a line's own category: a variant has that of its product.
            for variant in Product.objects.filter(variant_of=obj).order_by("pk"):
                variant.category_id, variant.brand_id = obj.category_id, obj.brand_id
                variant.save(update_fields=["category", "brand", "updated_at"])

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.model is Product:
            for variant, _ in formset.changed_objects:
                changed = next(one for one in formset.initial_forms if one.instance is variant)
                audit_product(Actor.of(request.user), variant, changed)
        else:
            replaced = (
                one.initial["file"].name for one in formset.initial_forms if "file" in one.changed_data
            )
            delete_after_commit([*(image.file.name for image in formset.deleted_objects), *replaced])

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        self.delete_queryset(request, Product.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Product]) -> None:
        """Delete products with their pictures' files."""
        names = [image.file.name for image in ProductImage.objects.filter(product__in=queryset)]
        queryset.delete()
        delete_after_commit(names)

    # --- stock ---------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.stock_view)
        return [path("<int:product_id>/stock/", view, name="catalog_product_stock"), *super().get_urls()]

    def stock_view(self, request: HttpRequest, product_id: int) -> HttpResponse:
        """Ask by how much the stock changes, and why."""
        product: Product | None = self.get_object(request, str(product_id))
        if product is None:
            raise Http404
        if not self.has_change_permission(request, product):
            raise PermissionDenied
        form = StockForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                stock = adjust_stock(product_id=product_id, actor=Actor.of(request.user), **form.cleaned_data)
            except DomainError as refusal:
                form.add_error("change", refusal.detail)
            else:
                self.message_user(request, f"There are now {stock} in stock.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:catalog_product_change", args=[product_id]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Adjust stock",
            "product": product,
            "form": form,
        }
        return TemplateResponse(request, "admin/catalog/product/stock.html", context)
