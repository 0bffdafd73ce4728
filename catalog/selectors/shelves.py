"""The tree of categories, and the brands."""

from dataclasses import dataclass, field

from django.db.models.expressions import RawSQL

from catalog.models import Brand, Category, Product


@dataclass(slots=True)
class Shelf:
    """One category with those beneath it, by name."""

    id: int
    name: str
    slug: str
    children: list["Shelf"] = field(default_factory=list)


def category_tree() -> list[Shelf]:
    """Return the topmost categories with all that lies beneath them. One query."""
    rows = list(Category.objects.order_by("name", "id").values_list("id", "name", "slug", "parent_id"))
    shelves = {category_id: Shelf(category_id, name, slug) for category_id, name, slug, _ in rows}
    top: list[Shelf] = []
    for category_id, _, _, parent_id in rows:
        beneath = top if parent_id is None else shelves[parent_id].children
        beneath.append(shelves[category_id])
    return top


def brands_on_sale() -> list[Brand]:
    """Return the brands that have something listed, by name. One query."""
    sold = Product.objects.filter(is_active=True, variant_of=None, brand__isnull=False)
    return list(Brand.objects.filter(pk__in=sold.values("brand")).order_by("name", "id"))


def categories_within(category_id: int) -> RawSQL:
    """Return the ids of a category and of all beneath it, for an `__in` lookup."""
    # UNION and not UNION ALL: should the tree ever close on itself, this still ends.
    return RawSQL(
        """
        WITH RECURSIVE within (id) AS (
            SELECT %s::bigint
            UNION
            SELECT categories.id FROM categories JOIN within ON categories.parent_id = within.id
        )
        SELECT id FROM within
        """,
        [category_id],
    )
