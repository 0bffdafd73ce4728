"""What members want to hear of, and when."""

from datetime import time

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from core.models import Stamped
from notifications.contracts import Channel


class NotificationPolicy(Stamped):
    """What holds for members who chose nothing: one row, which the first migration makes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    marketing_a_day = models.PositiveSmallIntegerField(
        default=3,
        validators=[MaxValueValidator(50)],
        help_text="Marketing pushes a member gets in a day of theirs; those above are dropped.",
    )
    quiet_from = models.TimeField(
        default=time(21), help_text="In the member's own zone. Marketing waits until quiet hours end."
    )
    quiet_until = models.TimeField(default=time(8), help_text="The same as their beginning: no quiet hours.")

    class Meta:
        db_table = "notification_policy"
        verbose_name = verbose_name_plural = "notification policy"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="notification_policy_is_one_row")]

    def __str__(self) -> str:
        return "Notification policy"


class QuietHours(Stamped):
    """A member's own quiet hours, in the place of the policy's; equal times mean none."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="quiet_hours"
    )
    begins = models.TimeField()
    ends = models.TimeField()

    class Meta:
        db_table = "quiet_hours"
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"{self.begins:%H:%M} to {self.ends:%H:%M}"


class NotificationPreference(Stamped):
    """Whether a member wants a category on a channel; without a row they do."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preferences"
    )
    category = models.CharField(max_length=30)
    channel = models.CharField(max_length=10, choices=[(channel.value, channel.value) for channel in Channel])
    enabled = models.BooleanField()

    class Meta:
        db_table = "notification_preferences"
        ordering = ["category", "channel"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "category", "channel"], name="notification_preferences_once"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["push", "inbox"]), name="notification_preferences_channel_known"
            ),
            models.CheckConstraint(
                condition=~Q(category="transactional", channel="inbox", enabled=False),
                name="notification_preferences_transactional_stays",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} by {self.channel}: {'on' if self.enabled else 'off'}"


class MarketingCount(models.Model):
    """How many marketing pushes a member has had on a day of theirs."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField(help_text="In the member's own zone.")
    count = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "marketing_counts"
        constraints = [models.UniqueConstraint(fields=["user", "day"], name="marketing_counts_once")]
        indexes = [models.Index(fields=["day"], name="marketing_counts_to_forget")]

    def __str__(self) -> str:
        return f"{self.count} on {self.day}"
