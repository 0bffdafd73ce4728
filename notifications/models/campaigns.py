"""What messages say, and whom a campaign tells."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from core.models import Stamped
from notifications.contracts import Purpose

LANGUAGE = RegexValidator(
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?\Z", "Give a language tag: en, zu, en-ZA."
)


class NotificationTemplate(Stamped):
    """The texts of a kind in one language, in the place of those that the code has in English."""

    kind = models.CharField(max_length=50)
    language = models.CharField(max_length=12, validators=[LANGUAGE])
    title = models.CharField(max_length=100, help_text="{variable} stands for a fact of the message.")
    body = models.TextField(max_length=1000)

    class Meta:
        db_table = "notification_templates"
        ordering = ["kind", "language"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "language"], name="notification_templates_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} in {self.language}"


class Campaign(Stamped):
    """One message to everybody of a segment, walked by the members' ids from `walked_to` on."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"

    name = models.CharField(max_length=100, unique=True)
    notification_type = models.CharField(
        max_length=20,
        choices=[(purpose.value, purpose.value) for purpose in (Purpose.MARKETING, Purpose.OPERATIONAL)],
        default=Purpose.MARKETING.value,
    )
    segment = models.JSONField(default=dict, blank=True, help_text="Criterion → what it is to be.")
    link = models.CharField(max_length=300, blank=True, default="")
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    walked_to = models.BigIntegerField(default=0, editable=False, help_text="The last member looked at.")
    walk_until = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="The newest member at the start: who joins later is not written to.",
    )
    reach = models.PositiveIntegerField(
        null=True, blank=True, help_text="Members in the segment at the start."
    )
    written = models.PositiveIntegerField(default=0, editable=False, help_text="Members written to so far.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        db_table = "campaigns"
        ordering = ["-id"]
        permissions = [("run_campaign", "Can schedule, pause and stop campaigns")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="draft") | Q(scheduled_at__isnull=False), name="campaigns_have_a_time"
            ),
        ]
        indexes = [
            models.Index(
                fields=["scheduled_at"],
                name="campaigns_due",
                condition=Q(status__in=["scheduled", "running"]),
            )
        ]

    def __str__(self) -> str:
        return self.name


class CampaignText(Stamped):
    """What a campaign says in one language; English is the fallback and must be there."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(max_length=12, validators=[LANGUAGE])
    title = models.CharField(max_length=100)
    body = models.TextField(max_length=1000)
    without_name = models.CharField(
        max_length=50,
        blank=True,
        default="",
        db_default="",
        help_text="What stands for {first_name} where a member gave none.",
    )

    class Meta:
        db_table = "campaign_texts"
        ordering = ["language"]
        constraints = [models.UniqueConstraint(fields=["campaign", "language"], name="campaign_texts_once")]

    def __str__(self) -> str:
        return self.language
