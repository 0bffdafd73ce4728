"""The outbox and the audit trail, to look at."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import outbox
from core.contracts import Actor
from core.models import AuditEntry, OutboxMessage, OutboxQuerySet

admin.site.site_header = "MarketHub"
admin.site.site_title = "MarketHub"
admin.site.index_title = "Loyalty and orders"


class ReadOnly:
    """Mixed into a ModelAdmin: its rows can be looked at and nothing else."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", "waiting"),
            ("failing", "failing, will be tried again"),
            ("dead", "dead"),
            ("nobody", "for a subscriber that is gone"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        match self.value():
            case "waiting":
                return queryset.filter(died_at=None, tries=0)
            case "failing":
                return queryset.filter(died_at=None, tries__gt=0)
            case "dead":
                return queryset.exclude(died_at=None)
            case "nobody":
                return queryset.exclude(subscriber__in=outbox.subscribers())
        return queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("id", "topic", "subscriber", "state", "tries", "due_at", "created_at", "first_line")
    list_filter = (StateFilter, "subscriber", "topic")
    search_fields = ("=id", "topic", "error")
    search_help_text = "An id, a topic, or words of an error"
    show_full_result_count = False
    ordering = ("-id",)
    actions = ("replay",)
    fields = (
        "id", "topic", "subscriber", "payload", "state", "tries", "due_at", "died_at", "error",
        "created_at", "updated_at",
    )  # fmt: skip

    @admin.display(description="state", ordering="died_at")
    def state(self, message: OutboxMessage) -> str:
        if message.died_at:
            return "dead"
        if message.subscriber not in outbox.subscribers():
            return "nobody's"
        return "failing" if message.tries else "waiting"

    @admin.display(description="error")
    def first_line(self, message: OutboxMessage) -> str:
        return message.error.partition("\n")[0][:120]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("core.replay_outboxmessage")

    @admin.action(description="Replay the dead ones among the selected", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: OutboxQuerySet) -> None:
        asked = list(queryset.order_by().values_list("pk", flat=True))
        replayed = outbox.replay(asked, Actor.of(request.user))
        self.message_user(request, f"{replayed} of {len(asked)} were dead and will be tried again.")
        if replayed < len(asked):
            self.message_user(request, "The others were not dead.", messages.WARNING)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("created_at", "actor", "action", "target", "reason")
    list_filter = ("action", "created_at")
    search_fields = ("actor__exact", "target__exact", "reason")
    search_help_text = "An actor (staff:name), a target (app.model:id), or words of a reason"
    date_hierarchy = "created_at"
    show_full_result_count = False
    ordering = ("-id",)
    fields = ("created_at", "actor", "user_id", "action", "target", "changes", "reason")

    @admin.display(description="changes")
    def changes(self, entry: AuditEntry) -> SafeString:
        return format_html("<pre>{}</pre>", "\n".join(_change_lines(entry.before, entry.after)))


def _change_lines(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    names = sorted({**before, **after})
    return [f"{name}: {_shown(before, name)} → {_shown(after, name)}" for name in names]


def _shown(values: dict[str, Any], name: str) -> str:
    return json.dumps(values[name], ensure_ascii=False) if name in values else "-"
