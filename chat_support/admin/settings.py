"""The desk's targets, hours, holidays and canned answers; every change is in the audit trail."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chat_support.models import CannedAnswer, Holiday, SupportTarget, WorkingHours
from chat_support.services.desk import DeskSetting, delete_desk_setting, save_desk_setting
from core.contracts import Actor


class DeskSettingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Saves and deletes through the services."""

    actions = None
    show_full_result_count = False

    def save_model(self, request: HttpRequest, obj: DeskSetting, form: Any, change: bool) -> None:
        save_desk_setting(obj, actor=Actor.of(request.user))

    def delete_model(self, request: HttpRequest, obj: DeskSetting) -> None:
        delete_desk_setting(obj, actor=Actor.of(request.user))


@admin.register(SupportTarget)
class SupportTargetAdmin(DeskSettingAdmin):
    """One for each priority. A change counts for tickets that are opened, or change theirs, after it."""

    list_display = ("priority", "first_answer_minutes", "solution_minutes")
    fields = ("priority", "first_answer_minutes", "solution_minutes")
    readonly_fields = ("priority",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SupportTarget | None = None) -> bool:
        return False


@admin.register(WorkingHours)
class WorkingHoursAdmin(DeskSettingAdmin):
    """A day of the week without a row is a day on which the desk is closed."""

    list_display = ("weekday", "opens", "closes")
    fields = ("weekday", "opens", "closes")


@admin.register(Holiday)
class HolidayAdmin(DeskSettingAdmin):
    list_display = ("day", "name")
    fields = ("day", "name")
    date_hierarchy = "day"


@admin.register(CannedAnswer)
class CannedAnswerAdmin(DeskSettingAdmin):
    list_display = ("name", "is_active", "text")
    list_filter = ("is_active",)
    search_fields = ("name", "text")
    fields = ("name", "text", "is_active")
