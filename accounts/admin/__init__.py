"""Users, keys, and what lets members in, in the admin."""

from django.contrib import admin

from accounts.admin import keys, traces, users
from accounts.admin.login import LoginForm

admin.site.login_form = LoginForm

__all__ = ["keys", "traces", "users"]
