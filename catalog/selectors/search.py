"""Finding products by words, with PostgreSQL's full text search; docs/adr/0014 says how and why so."""

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, IntegerField, QuerySet, Value
from django.db.models.functions import Cast, Coalesce

from catalog.models import Product, ProductSearch
from catalog.rules import SearchTerms

# A rank is a float4, of which a cursor could not hold the exact value; a millionth of it can be compared.
_RANK_UNIT = 1_000_000


def found_by(products: QuerySet[Product], terms: SearchTerms) -> QuerySet[Product]:
    """Keep the listed products that match, themselves or by a variant on sale; annotate `relevance`."""
    if terms.is_empty:
        return products.none().annotate(relevance=Value(0))
    query = _query(terms)
    matches = ProductSearch.objects.filter(words=query, product__is_active=True)
    score = SearchRank(F("search__words"), query) * _RANK_UNIT
    return products.filter(
        pk__in=matches.values_list(Coalesce("product__variant_of_id", "product_id"))
    ).annotate(relevance=Coalesce(Cast(score, IntegerField()), 0))


def _query(terms: SearchTerms) -> SearchQuery:
    query = SearchQuery(terms.whole, config="english", search_type="websearch")
    if not terms.excludes:
        # English drops its stop words; this finds a name that is made of them.
        query = query | SearchQuery(terms.whole, config="simple", search_type="websearch")
    if terms.beginning:
        started = SearchQuery(f"'{terms.beginning}':*", config="simple", search_type="raw")
        if terms.before:
            started = SearchQuery(terms.before, config="english", search_type="websearch") & started
        query = query | started
    return query
