"""Registers the app, its part of the OpenAPI schema, and the roles of all apps."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # drf-spectacular finds an authentication extension only once its module has been imported.
        from accounts.api import schema  # noqa: F401
        from accounts.roles import fill_roles

        autodiscover_modules("roles")
        post_migrate.connect(fill_roles, dispatch_uid="accounts.fill_roles")
