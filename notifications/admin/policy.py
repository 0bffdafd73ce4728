"""What holds for members who chose nothing."""

from django.contrib import admin

from core.audited_admin import OneRowAdmin
from notifications.models import NotificationPolicy


@admin.register(NotificationPolicy)
class NotificationPolicyAdmin(OneRowAdmin):
    fields = ("marketing_a_day", "quiet_from", "quiet_until")
