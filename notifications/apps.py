"""Devices, preferences, the inbox, pushes and campaigns."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from core.metrics import register_collector
        from notifications.criteria import Language
        from notifications.metrics import PushCollector
        from notifications.ports import register

        register_collector(PushCollector())
        register(Language())
