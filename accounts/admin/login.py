"""Signing in to the admin, within the same limits as the app's."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.services.limits import TooManyAttempts
from accounts.services.sign_in import InvalidCredentials, check_password


class LoginForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Check name and password by the service that counts wrong ones."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is not None and password and self.request is not None:
            try:
                user = check_password(
                    request=self.request, login=username, password=password, at=timezone.now()
                )
            except TooManyAttempts as refusal:
                raise ValidationError(f"Too many attempts. {refusal.detail}", code="throttled") from None
            except InvalidCredentials:
                raise self.get_invalid_login_error() from None
            self.confirm_login_allowed(user)
            self.user_cache = user
        return self.cleaned_data
