"""What Stream has told: to look at, and to have looked at again where it could not be read."""

import json

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat_support.models import StreamWebhook
from chat_support.services.webhooks import replay_webhooks
from core.contracts import Actor
from core.member_rows import MemberRowsAdmin


@admin.register(StreamWebhook)
class StreamWebhookAdmin(MemberRowsAdmin):
    list_display = ("received_at", "event_type", "outcome", "detail", "channel_id", "processed_at")
    list_filter = ("outcome", "event_type")
    search_fields = ("webhook_id",)
    search_help_text = "A webhook's id, or a channel's"
    actions = ("replay",)
    fields = (
        "webhook_id", "event_type", "channel_id", "stream_user_id", "outcome", "detail", "received_at",
        "processed_at", "content",
    )  # fmt: skip

    def matches(self, term: str) -> Q:
        return Q(webhook_id=term) | Q(channel_id=term)

    @admin.display(description="payload")
    def content(self, webhook: StreamWebhook) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(webhook.payload, indent=2, ensure_ascii=False))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_support.replay_streamwebhook")

    @admin.action(description="Look again at those that could not be read", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[StreamWebhook]) -> None:
        asked = list(queryset.order_by().values_list("pk", flat=True))
        replayed = replay_webhooks(asked, actor=Actor.of(request.user))
        self.message_user(request, f"{replayed} of {len(asked)} are looked at again.", messages.SUCCESS)
