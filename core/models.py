"""Rows of the outbox, of idempotent answers and of the audit trail."""

from typing import Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Stamped(models.Model):
    """When a row was made and last changed; a bulk or raw UPDATE must set `updated_at` itself."""

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    def alive(self) -> Self:
        """Still to be delivered, now or later."""
        return self.filter(died_at=None)

    def due(self) -> Self:
        """To be delivered now."""
        return self.alive().filter(due_at__lte=timezone.now())

    def dead(self) -> Self:
        """Given up after the last try; kept until somebody replays them."""
        return self.exclude(died_at=None)


class OutboxMessage(Stamped):
    """One thing that happened, for one subscriber; deleted in the transaction of its effect."""

    subscriber = models.CharField(max_length=100)
    topic = models.CharField(max_length=100)
    payload = models.JSONField()
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    died_at = models.DateTimeField(null=True, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["subscriber", "due_at", "id"], condition=Q(died_at=None), name="outbox_due"),
            models.Index(
                fields=["subscriber", "due_at", "id"],
                condition=Q(died_at=None, tries__gt=0),
                name="outbox_failed",
            ),
            models.Index(fields=["died_at"], condition=Q(died_at__isnull=False), name="outbox_dead"),
        ]
        permissions = [("replay_outboxmessage", "Can replay dead outbox messages")]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.topic} for {self.subscriber}"


class IdempotentResponse(models.Model):
    """The answer to a call that took effect, kept for its retries."""

    caller = models.CharField(max_length=100)
    route = models.CharField(max_length=500)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    # Text and not jsonb, which would reorder the members of the answer.
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "route", "key"], name="idempotent_response_once")
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"


class AuditEntry(models.Model):
    """Who changed what, from what to what, and why; a trigger refuses any change to a row.

    The user is a number and not a foreign key: the trail outlives the account.
    """

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.CharField(max_length=200)
    user_id = models.BigIntegerField(null=True, blank=True)
    action = models.CharField(max_length=100)
    target = models.CharField(max_length=200)
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    reason = models.TextField(blank=True, default="")

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["target", "-id"], name="audit_target"),
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(fields=["created_at"], name="audit_created"),
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.target} by {self.actor}"
