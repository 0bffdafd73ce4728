"""Tickets, what is said in them, and what became of them."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import Stamped

_UNSOLVED = Q(status__in=["open", "in_progress"])


class TicketQuerySet(models.QuerySet["SupportTicket"]):
    def unsolved(self) -> Self:
        """Those for which somebody has still to do something."""
        return self.filter(_UNSOLVED)

    def overdue(self, at: datetime) -> Self:
        """Those whose clock runs and has run past a target, and nobody has noted it."""
        return self.unsolved().filter(
            Q(first_answer_due_at__lt=at, first_answered_at=None, first_answer_breached_at=None)
            | Q(solution_due_at__lt=at, solution_breached_at=None),
            waiting_since=None,
        )


class SupportTicket(Stamped):
    """A member's question with its chat channel; `chat_support.rules` has its states.

    The two targets run in working hours. They stand still while the member is waited for, as is everybody
    whose ticket is resolved: `waiting_since` is then set. When they go on, both are later by the working time
    that has passed, and `paused_for` grows by it.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        IN_PROGRESS = "in_progress", "In progress"
        RESOLVED = "resolved", "Resolved"
        CLOSED = "closed", "Closed"

    class Priority(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        URGENT = "urgent", "Urgent"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tickets")
    channel_id = models.CharField(max_length=100, unique=True)
    subject = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=Status, default=Status.OPEN)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.MEDIUM)
    assigned_agent = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_tickets",
    )
    first_answer_due_at = models.DateTimeField(null=True, blank=True)
    first_answered_at = models.DateTimeField(null=True, blank=True)
    solution_due_at = models.DateTimeField(null=True, blank=True)
    waiting_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when the member is waited for."
    )
    paused_for = models.DurationField(
        default=timedelta, help_text="The working time in which the targets stood still."
    )
    first_answer_breached_at = models.DateTimeField(null=True, blank=True)
    solution_breached_at = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    last_message_by_member = models.BooleanField(default=True)
    unread_by_member = models.PositiveIntegerField(default=0)
    unread_by_agents = models.PositiveIntegerField(default=0)
    member_read_until = models.DateTimeField(
        null=True, blank=True, help_text="The member has read what was said until then."
    )
    agents_read_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    rating_comment = models.TextField(blank=True, default="")
    rated_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="When all words were taken out of it, for good."
    )

    objects = TicketQuerySet.as_manager()

    class Meta:
        db_table = "support_tickets"
        ordering = ["-id"]
        permissions = [("answer_ticket", "Can answer, assign and close tickets")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "in_progress", "resolved", "closed"]),
                name="support_tickets_status_known",
            ),
            models.CheckConstraint(
                condition=Q(priority__in=["low", "medium", "high", "urgent"]),
                name="support_tickets_priority_known",
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__range=(1, 5)), name="support_tickets_rating"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="tickets_of_user"),
            models.Index(
                fields=["assigned_agent"],
                name="tickets_open_of_agent",
                condition=_UNSOLVED,
            ),
            models.Index(
                fields=["id"], name="tickets_without_agent", condition=_UNSOLVED & Q(assigned_agent=None)
            ),
            models.Index(
                fields=["first_answer_due_at"],
                name="tickets_first_answer_due",
                condition=_UNSOLVED
                & Q(waiting_since=None, first_answered_at=None, first_answer_breached_at=None),
            ),
            models.Index(
                fields=["solution_due_at"],
                name="tickets_solution_due",
                condition=_UNSOLVED & Q(waiting_since=None, solution_breached_at=None),
            ),
            models.Index(fields=["resolved_at"], name="tickets_resolved", condition=Q(status="resolved")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.subject}"


class TicketMessage(Stamped):
    """What somebody wrote, as we know it from the app, the admin or Stream."""

    class Author(models.TextChoices):
        MEMBER = "member", "Member"
        AGENT = "agent", "Agent"
        BOT = "bot", "Our bot"

    ticket = models.ForeignKey(SupportTicket, on_delete=models.CASCADE, related_name="messages")
    message_id = models.CharField(max_length=255, unique=True, help_text="The same in Stream.")
    author = models.CharField(max_length=10, choices=Author)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(max_length=5000)
    said_at = models.DateTimeField(default=timezone.now)
    text_as_of = models.DateTimeField(
        null=True, blank=True, help_text="The time of the version in Stream that the text is of."
    )
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ticket_messages"
        ordering = ["said_at", "id"]
        indexes = [models.Index(fields=["ticket", "said_at", "id"], name="messages_of_ticket")]
        constraints = [
            models.CheckConstraint(
                condition=Q(author__in=["member", "agent", "bot"]), name="ticket_messages_author_known"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} of ticket {self.ticket_id}"


class TicketChange(models.Model):
    """One change of a ticket: of its state, its priority, its agent, a breach; a trigger refuses changes."""

    ticket_id = models.BigIntegerField(db_index=True)
    actor = models.CharField(max_length=200)
    what = models.CharField(max_length=30, help_text="status, priority, agent, rating, breach, channel.")
    before = models.CharField(max_length=200, blank=True, default="")
    after = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "ticket_changes"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.what} of ticket {self.ticket_id}: {self.before} → {self.after}"
