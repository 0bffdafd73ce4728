"""What stands on a product's page below the product."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.forms import BaseInlineFormSet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.forms import ProductImageForm
from catalog.admin.saving import save_changed
from catalog.models import Product, ProductImage


class VariantFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    def save_new(self, form: Any, commit: bool = True) -> Product:
        """Make a variant on its product's shelf."""
        form.instance.category_id = self.instance.category_id
        form.instance.brand_id = self.instance.brand_id
        variant: Product = super().save_new(form, commit=commit)
        return variant

    def save_existing(self, form: Any, obj: Product, commit: bool = True) -> Product:
        if commit:
            save_changed(form.instance, form)
        variant: Product = form.instance
        return variant


class VariantInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Product
    formset = VariantFormSet
    fk_name = "variant_of"
    verbose_name = "variant"
    verbose_name_plural = "variants"
    fields = ("name", "sku", "price", "attributes", "stock_is_tracked", "in_stock", "is_active")
    readonly_fields = ("in_stock",)
    ordering = ("price", "id")
    extra = 0
    show_change_link = True

    @admin.display(description="stock")
    def in_stock(self, variant: Product) -> int:
        return variant.stock


class ImageInline(admin.TabularInline):  # type: ignore[type-arg]
    model = ProductImage
    form = ProductImageForm
    verbose_name = "picture"
    verbose_name_plural = "pictures"
    fields = ("position", "preview", "url", "file", "alt")
    readonly_fields = ("preview",)
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    extra = 0

    @admin.display(description="picture")
    def preview(self, image: Any) -> SafeString | str:
        if image.pk is None:
            return "-"
        return format_html('<img src="{}" alt="" style="max-height: 6em">', image.url or image.file.url)
