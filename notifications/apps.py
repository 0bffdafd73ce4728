"""Devices, preferences, the inbox, pushes and campaigns."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from notifications.criteria import Language
        from notifications.ports import register

        register(Language())
