"""Registers the app and its part of the OpenAPI schema."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # drf-spectacular finds an authentication extension only once its module has been imported.
        from accounts.api import schema  # noqa: F401
