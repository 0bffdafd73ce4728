"""The phones that a member uses."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import Stamped


class UserDevice(Stamped):
    """An installed app that can be reached; it belongs to whoever registered it last.

    It is deactivated when FCM says that it is gone, and only then; signing out deletes it.
    """

    class Platform(models.TextChoices):
        IOS = "ios", "iOS"
        ANDROID = "android", "Android"

    class Address(models.TextChoices):
        TOKEN = "token", "Registration token"
        FID = "fid", "Firebase installation id"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="devices")
    device_token = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=10, choices=Address, default=Address.TOKEN)
    platform = models.CharField(max_length=10, choices=Platform)
    device_info = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    deactivated_at = models.DateTimeField(null=True, blank=True)
    deactivated_because = models.CharField(max_length=50, blank=True, default="", help_text="FCM's word.")
    last_seen_at = models.DateTimeField(default=timezone.now)
    session = models.UUIDField(
        null=True, blank=True, help_text="The session that registered it; its end takes the device away."
    )

    class Meta:
        db_table = "user_devices"
        ordering = ["-last_seen_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(platform__in=["ios", "android"]), name="user_devices_platform_known"
            ),
            models.CheckConstraint(condition=Q(kind__in=["token", "fid"]), name="user_devices_kind_known"),
            models.CheckConstraint(condition=~Q(device_token=""), name="user_devices_token_not_empty"),
        ]
        indexes = [
            models.Index(fields=["last_seen_at"], name="devices_unseen"),
            models.Index(fields=["session"], name="devices_of_session", condition=Q(session__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} device {self.pk} of user {self.user_id}"
