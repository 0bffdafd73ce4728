"""The shop's shelves: translate, call, translate back."""

from typing import Any

from django.db.models import IntegerField
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api import serializers as shapes
from catalog.rules import search_terms
from catalog.selectors.products import ProductFilters, ProductNotShown, listed_products, product_page
from catalog.selectors.shelves import brands_on_sale, category_tree
from core.api.caller import caller_id
from core.api.paging import CursorPage
from core.api.schema import refuses
from core.api.serializers import all_shown

PAGING = [
    OpenApiParameter("limit", int, description="Rows a page: 50, at most 200."),
    OpenApiParameter("cursor", str),
]


class NewestPage(CursorPage):
    ordering = ("-created_at", "-id")


class CheapestPage(CursorPage):
    ordering = ("price", "id")


class DearestPage(CursorPage):
    ordering = ("-price", "-id")


class BestRatedPage(CursorPage):
    ordering = ("-rating_average", "-rating_count", "-id")


class NamePage(CursorPage):
    ordering = ("name", "id")


class RelevancePage(CursorPage):
    ordering = ("-relevance", "-id")
    computed = {"relevance": IntegerField()}


_PAGES: dict[str, type[CursorPage]] = {
    "relevance": RelevancePage,
    "newest": NewestPage,
    "price": CheapestPage,
    "-price": DearestPage,
    "rating": BestRatedPage,
    "name": NamePage,
}


class CategoriesView(APIView):
    @extend_schema(operation_id="catalog_categories", responses=shapes.CategoryOutput(many=True))
    def get(self, request: Request) -> Response:
        """The tree of categories."""
        return Response(all_shown(shapes.CategoryOutput, category_tree()))


class BrandsView(APIView):
    @extend_schema(operation_id="catalog_brands", responses=shapes.ShelfOutput(many=True))
    def get(self, request: Request) -> Response:
        """The brands of the products on sale."""
        return Response(all_shown(shapes.ShelfOutput, brands_on_sale()))


class ProductsView(APIView):
    @extend_schema(
        operation_id="catalog_products_list",
        parameters=[shapes.ProductsQuery, *PAGING],
        responses=shapes.ProductsPageOutput,
    )
    def get(self, request: Request) -> Response:
        """The products on sale, found and narrowed, a page at a time."""
        query = shapes.ProductsQuery.parse_query(request)
        page = _PAGES[query.get("ordering") or ("relevance" if query["q"] else "newest")]()
        products = listed_products(_filters(query))
        rows = page.paginate_queryset(products, request, view=self)
        return page.get_paginated_response(
            shapes.ListedProductOutput(rows, many=True, context={"request": request}).data
        )


class ProductView(APIView):
    @extend_schema(operation_id="catalog_product", responses=shapes.ProductPageOutput)
    @refuses(ProductNotShown)
    def get(self, request: Request, product_id: int) -> Response:
        """One product with its variants, pictures and ratings."""
        shown = product_page(product_id, user_id=caller_id(request))
        context = {"request": request}
        product = shapes.ProductOutput(shown.product, context=context).data
        ratings = {
            "average": product["rating"],
            "count": product["rating_count"],
            "histogram": {str(stars): shown.histogram.get(stars, 0) for stars in range(1, 6)},
        }
        own = shapes.OwnReviewNote(shown.own_review).data if shown.own_review else None
        return Response(
            {
                **product,
                "variants": shapes.VariantOutput(shown.variants, many=True, context=context).data,
                "selected_variant_id": shown.asked_variant_id,
                "reviews": ratings,
                "own_review": own,
            }
        )


def _filters(query: dict[str, Any]) -> ProductFilters:
    return ProductFilters(
        category_id=query.get("category"),
        brand_ids=query.get("brand", ()),
        ids=query.get("ids", ()),
        min_price=query.get("min_price"),
        max_price=query.get("max_price"),
        min_rating=query.get("min_rating"),
        in_stock=query.get("in_stock"),
        terms=search_terms(query["q"]) if query["q"] else None,
    )
