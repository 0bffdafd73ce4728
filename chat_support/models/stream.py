"""What goes to Stream and what comes from it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.outgoing import STILL_TO_SEND, Outgoing


class StreamCall(Outgoing):
    """One call to make of Stream. Those about one `subject` are made in the order of their ids."""

    class Action(models.TextChoices):
        UPSERT_USER = "upsert_user", "Tell of a user"
        OPEN_CHANNEL = "open_channel", "Make a ticket's channel"
        SEND_MESSAGE = "send_message", "Write a message"
        DELETE_USER = "delete_user", "Erase a user"

    action = models.CharField(max_length=20, choices=Action)
    subject = models.CharField(max_length=150, help_text="user:<Stream user id> or channel:<channel id>.")
    key = models.CharField(
        max_length=200, unique=True, help_text="Its natural key: the same is never asked twice."
    )
    arguments = models.JSONField(default=dict)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "stream_calls"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at", "id"], name="stream_calls_due", condition=STILL_TO_SEND),
            models.Index(fields=["subject", "id"], name="stream_calls_in_order", condition=STILL_TO_SEND),
            models.Index(
                fields=["subject", "state", "-id"],
                name="stream_calls_of_users",
                condition=Q(action="upsert_user"),
            ),
            models.Index(
                fields=["answered_at"], name="stream_calls_answered", condition=Q(answered_at__isnull=False)
            ),
        ]
        permissions = [("retry_streamcall", "Can have calls to Stream made again that were given up")]

    def __str__(self) -> str:
        return f"{self.action} of {self.subject}"


class StreamWebhook(models.Model):
    """A webhook that Stream has signed, kept for 30 days; its id stays the same over Stream's retries."""

    class Outcome(models.TextChoices):
        WAITING = "", "Not looked at yet"
        APPLIED = "applied", "Taken in"
        KNOWN = "known", "Nothing new"
        UNREADABLE = "unreadable", "A field is not what it should be"
        NO_TICKET = "no_ticket", "Its channel is no ticket's"
        STRANGER = "stranger", "By somebody who is neither the member nor an agent"
        OURS = "ours", "By our bot, or by Stream itself"
        ERASED = "erased", "Its ticket has been erased"

    webhook_id = models.CharField(max_length=100, unique=True)
    event_type = models.CharField(max_length=100)
    channel_id = models.CharField(max_length=100, blank=True, default="", db_index=True)
    stream_user_id = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        db_index=True,
        help_text="Whose words or doing it is about.",
    )
    payload = models.JSONField(help_text="Empty where it was of no use, or has been erased.")
    received_at = models.DateTimeField(default=timezone.now, db_index=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True, default="", db_default="")
    detail = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="The fields that can't be read."
    )

    class Meta:
        db_table = "stream_webhooks"
        ordering = ["-id"]
        permissions = [("replay_streamwebhook", "Can have webhooks looked at again")]

    def __str__(self) -> str:
        return f"{self.event_type} {self.webhook_id}"
