"""Shapes of signing in and of one's own account."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import Input


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


class TokensOutput(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Goes into `Authorization: Bearer <access>`.")
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until `access` expires.")


class MeOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.EmailField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    date_joined = serializers.DateTimeField()
    is_staff = serializers.BooleanField()
