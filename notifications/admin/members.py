"""What members are told, by what ways, and what became of it: to look at."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.admin import ReadOnly
from core.member_rows import MemberRowsAdmin
from notifications.models import InboxMessage, PushNotification, PushSend, UserDevice
from notifications.selectors.devices import STALE, is_stale


class StaleFilter(admin.SimpleListFilter):
    title = "contact"
    parameter_name = "contact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("stale", "none for 30 days"), ("recent", "in the last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UserDevice]) -> QuerySet[UserDevice]:
        edge = timezone.now() - STALE
        match self.value():
            case "stale":
                return queryset.filter(last_seen_at__lt=edge)
            case "recent":
                return queryset.filter(last_seen_at__gte=edge)
        return queryset


@admin.register(UserDevice)
class UserDeviceAdmin(MemberRowsAdmin):
    list_display = (
        "id",
        "user",
        "platform",
        "kind",
        "is_active",
        "deactivated_because",
        "last_seen_at",
        "stale",
    )
    list_filter = ("platform", "is_active", StaleFilter)
    list_select_related = ("user",)
    fields = (
        "user", "platform", "kind", "end_of_token", "device_info", "is_active", "deactivated_at",
        "deactivated_because", "last_seen_at", "created_at",
    )  # fmt: skip

    @admin.display(description="stale", boolean=True)
    def stale(self, device: UserDevice) -> bool:
        return is_stale(device, at=timezone.now())

    @admin.display(description="token")
    def end_of_token(self, device: UserDevice) -> str:
        """Enough to compare with a log; whoever has all of it could write to the device."""
        return f"…{device.device_token[-8:]}"


@admin.register(InboxMessage)
class InboxMessageAdmin(MemberRowsAdmin):
    list_display = ("created_at", "user", "kind", "title", "withheld", "read_at")
    list_filter = ("kind", "notification_type", "withheld")
    list_select_related = ("user",)
    fields = (
        "notification_id", "user", "kind", "category", "notification_type", "title", "body", "link",
        "withheld", "read_at", "created_at", "key", "campaign",
    )  # fmt: skip


class PushSendInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = PushSend
    extra = 0
    verbose_name_plural = "requests to Firebase, one a device"
    fields = ("device", "state", "tries", "due_at", "error", "message_name", "answered_at")


@admin.register(PushNotification)
class PushNotificationAdmin(MemberRowsAdmin):
    list_display = ("created_at", "user", "kind", "title", "status", "reason", "scheduled_at", "sent_at")
    list_filter = ("status", "notification_type", "kind")
    list_select_related = ("user",)
    inlines = (PushSendInline,)
    fields = (
        "notification_id", "user", "kind", "category", "notification_type", "title", "message", "data",
        "status", "reason", "scheduled_at", "due_at", "sent_at", "delivered_at", "opened_at", "created_at",
        "campaign",
    )  # fmt: skip

    @admin.display(description="data")
    def data(self, push: PushNotification) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(push.payload, indent=2, ensure_ascii=False))
