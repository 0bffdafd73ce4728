"""Shapes of signing in and of one's own account."""

import zoneinfo
from typing import Any

from django.core.files.storage import default_storage
from django.core.validators import RegexValidator
from rest_framework import serializers

from accounts.models import User
from accounts.models.users import LANGUAGE
from accounts.phones import NotAPhone, e164
from accounts.services.avatars import SIDE
from core.api.fields import AppObject, Text
from core.api.images import ImageUpload
from core.api.serializers import Input

_PREFERENCES_BYTES = 8 * 1024


class Phone(Text):
    """A phone number with its country, in any way of writing; it becomes E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return e164(text)
        except NotAPhone:
            raise serializers.ValidationError("Give the number with its country: +27821234567.") from None


class ReferralCode(Text):
    """The shape of a code that a member shares; whether there is such a code is not asked here."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=32,
            validators=[RegexValidator(r"^[A-Za-z0-9_-]{4,32}\Z", "4 to 32 letters, digits, - or _.")],
            help_text="Of the member who invited a new one; a member who is there already stays as they are.",
            **kwargs,
        )


class LoginInput(Input):
    username = serializers.CharField(max_length=254, required=False, help_text="The username, or the e-mail.")
    email = serializers.CharField(
        max_length=254, required=False, help_text="The e-mail, instead of `username`."
    )
    password = serializers.CharField(max_length=1024, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "username" not in attrs and "email" not in attrs:
            raise serializers.ValidationError({"username": ["This field is required."]})
        return attrs


class SendOtpInput(Input):
    phone = Phone(help_text="+27821234567")


class SendOtpOutput(serializers.Serializer[Any]):
    otp_id = serializers.UUIDField(help_text="To give back with the code.")
    expires_in = serializers.IntegerField(help_text="Seconds until the code expires.")
    resend_in = serializers.IntegerField(help_text="Seconds until another code may be sent to this phone.")


class VerifyOtpInput(Input):
    otp_id = serializers.UUIDField()
    code = Text(
        max_length=6,
        validators=[RegexValidator(r"^[0-9]{6}\Z", "Six digits.")],
        help_text="The six digits that were sent.",
    )
    referral_code = ReferralCode(required=False, allow_null=True)


class IdTokenInput(Input):
    id_token = Text(
        max_length=8192, help_text="The OpenID Connect id token that the provider's library gave."
    )
    nonce = Text(
        max_length=255, required=False, allow_null=True, help_text="The nonce the app asked with, if it did."
    )
    referral_code = ReferralCode(required=False, allow_null=True)


class RefreshInput(Input):
    refresh = Text(max_length=200)


class TokensOutput(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Goes into `Authorization: Bearer <access>`.")
    refresh = serializers.CharField(help_text="For `auth/refresh/`, once.")
    expires_in = serializers.IntegerField(help_text="Seconds until `access` expires.")


class SignedInOutput(TokensOutput):
    is_new_member = serializers.BooleanField(help_text="Whether this sign-in made the member.")


class MeInput(Input):
    """What of one's own account can be changed; what is not given stays."""

    first_name = Text(max_length=150, required=False, allow_blank=True)
    last_name = Text(max_length=150, required=False, allow_blank=True)
    language = Text(
        max_length=12,
        required=False,
        validators=[RegexValidator(LANGUAGE, "Give a language tag: en, zu, en-ZA.")],
        help_text="A language tag: en, zu, en-ZA.",
    )
    time_zone = Text(max_length=64, required=False, help_text="A name of the IANA: Africa/Johannesburg.")
    preferences = AppObject(
        max_bytes=_PREFERENCES_BYTES,
        required=False,
        help_text="The app's own object; it replaces the one before.",
    )

    def validate_time_zone(self, name: str) -> str:
        if name not in zoneinfo.available_timezones():
            raise serializers.ValidationError("Give a time zone by its IANA name: Africa/Johannesburg.")
        return name


class MeOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.EmailField(allow_null=True)
    email_verified = serializers.SerializerMethodField()
    phone = serializers.CharField(allow_null=True)
    phone_verified = serializers.SerializerMethodField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    avatar = serializers.SerializerMethodField(help_text="The picture's address, or null.")
    language = serializers.CharField()
    time_zone = serializers.CharField()
    preferences = serializers.DictField()
    date_joined = serializers.DateTimeField()
    is_staff = serializers.BooleanField()

    def get_email_verified(self, user: User) -> bool:
        return user.email_verified_at is not None

    def get_phone_verified(self, user: User) -> bool:
        return user.phone_verified_at is not None

    def get_avatar(self, user: User) -> str | None:
        if not user.avatar:
            return None
        address: str = self.context["request"].build_absolute_uri(default_storage.url(user.avatar))
        return address


class AvatarInput(Input):
    image = ImageUpload(
        max_side=SIDE, help_text=f"JPEG, PNG or WebP, at most 2 MB; kept as JPEG, at most {SIDE} × {SIDE}."
    )


class EmailInput(Input):
    email = serializers.EmailField(max_length=254)


class VerifyEmailInput(Input):
    token = Text(max_length=2048, help_text="From the link of the message.")


class VerifiedEmailOutput(serializers.Serializer[Any]):
    email = serializers.EmailField()
