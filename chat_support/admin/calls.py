"""What was asked of Stream, to look at, and to have asked again."""

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat_support.models import StreamCall
from chat_support.services.keeping_calls import try_again
from core.admin import ReadOnly
from core.contracts import Actor
from core.long_lists import CappedPaginator


@admin.register(StreamCall)
class StreamCallAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("id", "created_at", "action", "subject", "state", "tries", "due_at", "error")
    list_filter = ("state", "action")
    search_fields = ("subject__exact", "key__exact")
    search_help_text = "A whole subject (channel:<id>, user:<Stream's id>), or a whole key (message:<id>)."
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions = ("try_again",)
    fields = (
        "id", "action", "subject", "key", "about", "state", "tries", "due_at", "error", "answered_at",
        "created_at", "updated_at",
    )  # fmt: skip

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_support.retry_streamcall")

    @admin.display(description="about")
    def about(self, call: StreamCall) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(call.arguments, indent=2, ensure_ascii=False))

    @admin.action(description="Try those again that were given up", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[StreamCall]) -> None:
        asked = list(queryset.order_by().values_list("pk", flat=True))
        again = try_again(asked, actor=Actor.of(request.user), at=timezone.now())
        self.message_user(
            request, f"{again} of {len(asked)} were given up and will be tried again.", messages.SUCCESS
        )
