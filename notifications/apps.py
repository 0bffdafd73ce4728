"""Devices, preferences, the inbox, pushes and campaigns."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"
