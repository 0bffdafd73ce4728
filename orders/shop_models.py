"""Returns that came before their order."""

from django.db import models
from django.db.models import Q

from core.models import Stamped


class WaitingReturn(Stamped):
    """A return that a shop told of before its order was delivered; deleted when it is applied.

    `lines` is a list of {sku or position, qty}, null for all that is left. One that turned out impossible
    keeps its `error` and waits for somebody to look at it.
    """

    shop = models.CharField(max_length=50)
    number = models.CharField(max_length=64, help_text="The order's.")
    return_id = models.CharField(max_length=64)
    lines = models.JSONField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=200)
    at = models.DateTimeField()
    error = models.TextField(blank=True, help_text="Why it could not be applied; empty while it waits.")

    class Meta:
        db_table = "waiting_returns"
        ordering = ["-created_at", "-id"]
        permissions = [("retry_waitingreturn", "Can try waiting returns again")]
        indexes = [models.Index(fields=["-created_at", "-id"], name="waiting_returns_newest")]
        constraints = [
            models.UniqueConstraint(fields=["shop", "number", "return_id"], name="waiting_returns_once"),
            models.CheckConstraint(
                condition=~Q(shop="") & ~Q(number="") & ~Q(return_id=""), name="waiting_returns_named"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.return_id} of {self.shop} {self.number}"
