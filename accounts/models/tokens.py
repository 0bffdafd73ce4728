"""Refresh tokens."""

from django.db import models
from django.db.models import Q

from accounts.models.users import User
from core.models import Stamped


class RefreshToken(Stamped):
    """A long-lived token, kept only as its SHA-256; all that follow from one sign-in are one family."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="refresh_tokens")
    hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, in hex.")
    family = models.UUIDField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    successor = models.CharField(
        max_length=64,
        default="",
        db_default="",
        blank=True,
        help_text="Hash of the token that this one was changed for.",
    )

    class Meta:
        db_table = "refresh_tokens"
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="refresh_tokens_expire_later"
            ),
        ]

    def __str__(self) -> str:
        return f"refresh token {self.pk} of user {self.user_id}"
