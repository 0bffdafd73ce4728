"""How often somebody has tried something."""

from django.db import models


class AttemptCount(models.Model):
    """Attempts of one subject under one limit, in a window that began with the first of them.

    The subject (a phone, an address, a name) is kept as an HMAC: counting needs no more.
    """

    name = models.CharField(max_length=50)
    subject = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "attempt_counts"
        constraints = [models.UniqueConstraint(fields=["name", "subject"], name="attempt_counts_once")]

    def __str__(self) -> str:
        return f"{self.count} of {self.allowed} {self.name}"
