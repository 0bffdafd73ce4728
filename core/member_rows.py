"""Long tables of members' rows: read-only, found by member, listed without counting them all."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from core.admin import ReadOnly
from core.long_lists import CappedPaginator
from core.member_search import SEARCH_HELP, members_called


class MemberRowsAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows rows that have a `user`."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    search_fields = ("user__username",)
    search_help_text = SEARCH_HELP

    def matches(self, term: str) -> Q:
        """Say which rows a search finds."""
        return Q(user_id__in=members_called(term))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by `matches`; `search_fields` only makes the box appear."""
        term = search_term.strip()
        return (queryset.filter(self.matches(term)) if term else queryset), False
