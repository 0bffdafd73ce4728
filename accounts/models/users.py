"""Users of the API and the admin."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower

from core.models import Stamped

LANGUAGE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?\Z"


class MemberManager(UserManager["User"]):
    """Creates users; "no e-mail" is null, because many members have none and e-mails are unique."""

    use_in_migrations = False

    @classmethod
    def normalize_email(cls, email: str | None) -> str | None:  # type: ignore[override]
        return super().normalize_email(email) or None


class User(AbstractUser, Stamped):
    """A member of the programme or of the staff."""

    # Null, unlike Django's own, because e-mails are unique and many members have none.
    email = models.EmailField("e-mail", null=True, blank=True)  # type: ignore[assignment]  # noqa: DJ001
    phone = models.CharField(
        max_length=20,
        unique=True,
        null=True,
        blank=True,
        validators=[RegexValidator(r"^\+[1-9]\d{6,14}\Z", "Give the number with its country: +27821234567.")],
        help_text="In international form: +27821234567.",
    )
    external_id = models.CharField(
        max_length=100,
        unique=True,
        null=True,
        blank=True,
        help_text="The member's id in the system they came from.",
    )
    stream_chat_user_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    last_token_refresh = models.DateTimeField(null=True, blank=True)
    phone_verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When a code sent to this phone was last given back."
    )
    email_verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When a message sent to this e-mail was last answered."
    )
    tokens_valid_from = models.DateTimeField(
        null=True, blank=True, help_text="Access tokens issued until then are refused."
    )
    language = models.CharField(
        max_length=12,
        default="en",
        db_default="en",
        validators=[RegexValidator(LANGUAGE, "Give a language tag: en, zu, en-ZA.")],
    )
    time_zone = models.CharField(
        max_length=64, default="Africa/Johannesburg", db_default="Africa/Johannesburg"
    )
    preferences = models.JSONField(
        default=dict, db_default=Value({}, models.JSONField()), blank=True, help_text="The app's own."
    )
    avatar = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="The picture's file under MEDIA_ROOT.",
    )

    objects: ClassVar[MemberManager] = MemberManager()

    class Meta:
        db_table = "users"
        permissions = [("block_user", "Can block members and let them in again")]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="users_email_unique",
                violation_error_message="Another user has this e-mail.",
            ),
            models.CheckConstraint(condition=~Q(email=""), name="users_email_not_empty"),
            models.CheckConstraint(condition=~Q(phone=""), name="users_phone_not_empty"),
            models.CheckConstraint(condition=~Q(external_id=""), name="users_external_id_not_empty"),
        ]

    def clean(self) -> None:
        """Refuse a username that looks like another's e-mail: signing in takes either."""
        super().clean()
        if "@" in self.username and self.username.lower() != (self.email or "").lower():
            raise ValidationError({"username": "A username with @ must be the member's own e-mail."})
