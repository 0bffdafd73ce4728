"""The demonstration shop of `make run`."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"
