"""Keys of shops and partners."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models.users import User
from core import rights
from core.models import Stamped


class ApiKey(Stamped):
    """What a shop's or a partner's system signs its calls with; kept as a hash, shown once."""

    name = models.CharField(
        max_length=100, unique=True, help_text="Whose it is and what for; the audit says it."
    )
    shop = models.SlugField(  # noqa: DJ001 - null is "of no shop", and no shop is called ""
        max_length=50, null=True, blank=True, help_text="The shop that it speaks for; empty for a partner."
    )
    prefix = models.CharField(max_length=16, unique=True, help_text="The key's beginning, to find it by.")
    hash = models.CharField(max_length=64, help_text="SHA-256 of the key, in hex.")
    scopes = ArrayField(models.CharField(max_length=50), help_text="What it may do.")
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    database_rights = rights.KEEP

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(shop=""), name="api_keys_shop_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name
