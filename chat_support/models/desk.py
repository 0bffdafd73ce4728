"""The support desk: who is on duty, how fast it wants to be, and what it says again and again."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from chat_support.models.tickets import SupportTicket
from core.models import Stamped

_MINUTES = [MinValueValidator(1), MaxValueValidator(60_000)]  # a thousand hours: half a year of weekdays


class Agent(Stamped):
    """A member of staff who answers tickets."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="agent"
    )
    on_duty = models.BooleanField(default=False, help_text="Tickets are given to agents on duty.")
    last_assigned_at = models.DateTimeField(
        null=True, blank=True, help_text="Who has been without the longest is given the next ticket."
    )

    class Meta:
        db_table = "support_agents"

    def __str__(self) -> str:
        return f"agent {self.user_id}"


class SupportTarget(Stamped):
    """How fast a priority is answered and solved, in minutes of working time."""

    priority = models.CharField(max_length=10, primary_key=True, choices=SupportTicket.Priority)
    first_answer_minutes = models.PositiveIntegerField(validators=_MINUTES)
    solution_minutes = models.PositiveIntegerField(validators=_MINUTES)

    class Meta:
        db_table = "support_targets"
        constraints = [
            models.CheckConstraint(
                condition=Q(first_answer_minutes__gt=0, solution_minutes__gte=F("first_answer_minutes")),
                name="support_targets_in_order",
            )
        ]

    def __str__(self) -> str:
        return self.get_priority_display()


class WorkingHours(Stamped):
    """When the desk is open on a day of the week, in the programme's time zone."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, "Monday"
        TUESDAY = 1, "Tuesday"
        WEDNESDAY = 2, "Wednesday"
        THURSDAY = 3, "Thursday"
        FRIDAY = 4, "Friday"
        SATURDAY = 5, "Saturday"
        SUNDAY = 6, "Sunday"

    weekday = models.PositiveSmallIntegerField(choices=Weekday, unique=True)
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        db_table = "working_hours"
        verbose_name_plural = "working hours"
        ordering = ["weekday"]
        constraints = [
            models.CheckConstraint(condition=Q(opens__lt=F("closes")), name="working_hours_in_order"),
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="working_hours_weekday"),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M} to {self.closes:%H:%M}"


class Holiday(Stamped):
    """A day on which the desk is closed."""

    day = models.DateField(unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        db_table = "support_holidays"
        ordering = ["day"]

    def __str__(self) -> str:
        return self.name


class CannedAnswer(Stamped):
    """A text that agents use again and again."""

    name = models.CharField(max_length=100, unique=True)
    text = models.TextField(max_length=5000)
    is_active = models.BooleanField(default=True)

    class Meta:
        db_table = "canned_answers"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
