"""Servers for the tests, before pytest-django and tests/conftest.py read the settings.

The settings' module is named here and not in pyproject.toml, where pytest-django would load it first.
"""

import os

import django

from config.embedded import data_directory, provide

provide(data_directory() / "test", durable=False, secret_key=True)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
