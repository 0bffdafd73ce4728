"""Accounts elsewhere that let a member in."""

from django.db import models

from accounts.models.users import User
from core.models import Stamped


class SocialIdentity(Stamped):
    """A member as Google, Apple or Facebook know them."""

    class Provider(models.TextChoices):
        GOOGLE = "google", "Google"
        APPLE = "apple", "Apple"
        FACEBOOK = "facebook", "Facebook"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="social_identities")
    provider = models.CharField(max_length=20, choices=Provider)
    subject = models.CharField(max_length=255, help_text="The provider's own id of the person.")
    email = models.CharField(
        max_length=254, blank=True, default="", help_text="As the provider last told it."
    )
    last_used_at = models.DateTimeField()

    class Meta:
        db_table = "social_identities"
        verbose_name_plural = "social identities"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject"], name="social_identities_subject_once"),
            models.UniqueConstraint(fields=["user", "provider"], name="social_identities_one_a_member"),
            models.CheckConstraint(
                condition=models.Q(provider__in=["google", "apple", "facebook"]),
                name="social_identities_provider_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} of user {self.user_id}"
