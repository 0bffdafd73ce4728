"""Codes sent to phones."""

import uuid

from django.db import models
from django.db.models import F, Q

from core.models import Stamped

MOST_TRIES = 5


class PhoneChallenge(Stamped):
    """One code sent to one phone, kept only as an HMAC; nothing here tells whether it is a member's."""

    otp_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    phone = models.CharField(max_length=20, db_index=True)
    code_hash = models.CharField(max_length=64)
    address = models.GenericIPAddressField(null=True, blank=True, help_text="Who asked for it.")
    expires_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "phone_challenges"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=MOST_TRIES), name="phone_challenges_tries"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="phone_challenges_expire_later"
            ),
        ]

    def __str__(self) -> str:
        return f"code {self.pk} for {self.phone}"
