"""Products and categories that come from elsewhere, many at once."""

import json
from collections.abc import Iterable

from django.db import connection, transaction
from django.utils.text import slugify

from catalog.contracts import CategoryRow, ProductRow
from catalog.models import Brand, Category, Product


@transaction.atomic
def ensure_categories(rows: Iterable[CategoryRow]) -> dict[str, int]:
    """Return the id of every row's slug, making the categories that are not there yet.

    Those that are stay as they are. A parent stands before its children, or exists already. A few statements
    per row: for the tens of categories that a shop has.
    """
    ids: dict[str, int] = {}
    for row in rows:
        parent_id = None
        if row.parent_slug is not None:
            parent_id = ids.get(row.parent_slug) or Category.objects.get(slug=row.parent_slug).pk
        category, _ = Category.objects.get_or_create(
            slug=row.slug, defaults={"name": row.name, "parent_id": parent_id}
        )
        ids[row.slug] = category.pk
    return ids


@transaction.atomic
def ensure_brands(names: Iterable[str]) -> dict[str, int]:
    """Return the id of every brand by its name, making those that are not there yet; for tens of brands."""
    ids: dict[str, int] = {}
    for name in sorted(set(names)):
        brand = Brand.objects.filter(name__iexact=name).first()
        ids[name] = (brand or Brand.objects.create(name=name, slug=slugify(name))).pk
    return ids


@transaction.atomic
def ensure_products(rows: Iterable[ProductRow]) -> dict[str, int]:
    """Return the id of every row's SKU, making the products that are not there yet.

    Those that are stay as they are; of several rows of one SKU the first counts. Three statements at most,
    for any number of rows.
    """
    by_sku: dict[str, ProductRow] = {}
    for row in rows:
        by_sku.setdefault(row.sku, row)
    ids = _ids_of(list(by_sku))
    # One order for everybody, so that two imports of the same products wait and do not deadlock.
    missing = [by_sku[sku] for sku in sorted(by_sku) if sku not in ids]
    if not missing:
        return ids
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO products (sku, name, price, category_id, image_url, description, is_active,
                                  brand_id, variant_of_id, attributes, stock, stock_is_tracked,
                                  created_at, updated_at)
            SELECT sku, name, price, category_id, image_url, description, is_active,
                   brand_id, variant_of_id, attributes::jsonb, coalesce(stock, 0), stock IS NOT NULL,
                   now(), now()
            FROM unnest(%s::text[], %s::text[], %s::numeric[], %s::bigint[], %s::text[], %s::text[],
                        %s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::bool[])
                AS given (sku, name, price, category_id, image_url, description,
                          brand_id, variant_of_id, attributes, stock, is_active)
            ON CONFLICT (sku) DO NOTHING
            """,
            [
                [row.sku for row in missing],
                [row.name[:255] for row in missing],
                [row.price for row in missing],
                [row.category_id for row in missing],
                [row.image_url for row in missing],
                [row.description for row in missing],
                [row.brand_id for row in missing],
                [row.variant_of_id for row in missing],
                [json.dumps(dict(row.attributes)) for row in missing],
                [row.stock for row in missing],
                [row.is_active for row in missing],
            ],
        )
    return ids | _ids_of([row.sku for row in missing])


def _ids_of(skus: list[str]) -> dict[str, int]:
    return dict(Product.objects.filter(sku__in=skus).values_list("sku", "id"))
