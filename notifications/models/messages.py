"""Messages: as the inbox shows them, and as they are pushed to devices."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import Stamped
from core.outgoing import STILL_TO_SEND, Outgoing
from notifications.contracts import Purpose

PURPOSES = [(purpose.value, purpose.value) for purpose in Purpose]


class InboxMessage(Stamped):
    """What a member was told, once per key; `withheld` says why the inbox does not show it."""

    class Withheld(models.TextChoices):
        NOTHING = "", "Shown"
        PREFERENCE = "preference", "The member has switched the category off"

    notification_id = models.UUIDField(
        unique=True, default=uuid.uuid4, editable=False, help_text="In every message that goes out."
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="inbox")
    key = models.CharField(max_length=200, help_text="Its natural key: the same is never told twice.")
    kind = models.CharField(max_length=50)
    category = models.CharField(max_length=30)
    notification_type = models.CharField(max_length=20, choices=PURPOSES)
    title = models.CharField(max_length=100)
    body = models.TextField()
    link = models.CharField(max_length=300, blank=True, default="", help_text="Where it leads in the app.")
    withheld = models.CharField(max_length=20, choices=Withheld, blank=True, default="")
    read_at = models.DateTimeField(null=True, blank=True)
    campaign = models.ForeignKey(
        "notifications.Campaign", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        db_table = "inbox_messages"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="inbox_messages_once")]
        indexes = [
            models.Index(fields=["user", "-id"], name="inbox_of_user", condition=Q(withheld="")),
            models.Index(fields=["user"], name="inbox_unread", condition=Q(withheld="", read_at=None)),
        ]

    def __str__(self) -> str:
        return self.title


class PushNotification(Stamped):
    """A message on its way to whatever devices its member has when it is due.

    pending or held → sending → sent → delivered → opened; or failed, dropped, cancelled; paused with its
    campaign. `reason` says why it was held back, dropped or failed.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        HELD = "held", "Held back for now"
        PAUSED = "paused", "Paused with its campaign"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        OPENED = "opened", "Opened"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Dropped"
        CANCELLED = "cancelled", "Cancelled"

    notification_id = models.UUIDField(
        unique=True,
        default=uuid.uuid4,
        editable=False,
        help_text="The app gets it, and drops what it has seen.",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="push_notifications"
    )
    campaign = models.ForeignKey(
        "notifications.Campaign",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="pushes",
        db_index=False,
    )
    kind = models.CharField(max_length=50, blank=True, default="")
    category = models.CharField(max_length=30, blank=True, default="")
    notification_type = models.CharField(max_length=20, choices=PURPOSES, default=Purpose.TRANSACTIONAL.value)
    title = models.CharField(max_length=100)
    message = models.TextField()
    payload = models.JSONField(default=dict, blank=True, help_text="What the app gets beside the texts.")
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=200, blank=True, default="")
    scheduled_at = models.DateTimeField(default=timezone.now, help_text="Not before.")
    due_at = models.DateTimeField(default=timezone.now, help_text="When somebody looks at it next.")
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "push_notifications"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(notification_type__in=[purpose.value for purpose in Purpose]),
                name="push_notifications_type_known",
            ),
        ]
        indexes = [
            # Two, because a push of no campaign must not be looked for behind a million that have one.
            models.Index(
                fields=["due_at", "id"],
                name="single_pushes_due",
                condition=Q(status__in=["pending", "held"], campaign__isnull=True),
            ),
            models.Index(
                fields=["due_at", "id"],
                name="campaign_pushes_due",
                condition=Q(status__in=["pending", "held"], campaign__isnull=False),
            ),
            models.Index(
                fields=["campaign", "status", "reason"],
                name="pushes_by_campaign",
                condition=Q(campaign__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class PushSend(Outgoing):
    """A push to one device: the request that is made of FCM, and its answer."""

    push = models.ForeignKey(PushNotification, on_delete=models.CASCADE, related_name="sends")
    device = models.ForeignKey(
        "notifications.UserDevice", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    message_name = models.CharField(
        max_length=200, blank=True, default="", help_text="FCM's own name for it."
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "push_sends"
        constraints = [models.UniqueConstraint(fields=["push", "device"], name="push_sends_once")]
        indexes = [models.Index(fields=["due_at", "id"], name="push_sends_due", condition=STILL_TO_SEND)]

    def __str__(self) -> str:
        return f"push {self.push_id} to device {self.device_id}"
