"""How many pushes came to what, since ever: for /metrics, which cannot count a million rows."""

from django.db import models

from core import rights


class PushTally(models.Model):
    """A count of one outcome for one reason, in slots so that no two have to wait for each other."""

    database_rights = rights.KEEP

    outcome = models.CharField(max_length=20)
    reason = models.CharField(max_length=100, blank=True)
    slot = models.PositiveSmallIntegerField()
    count = models.PositiveBigIntegerField()

    class Meta:
        db_table = "push_tallies"
        constraints = [
            models.UniqueConstraint(fields=["outcome", "reason", "slot"], name="push_tallies_once")
        ]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.reason}): {self.count}"
