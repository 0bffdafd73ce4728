"""The shapes of the notifications API."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from core.api.fields import AppObject, Text
from core.api.serializers import Input
from notifications.contracts import Channel
from notifications.models import UserDevice
from notifications.models.messages import PURPOSES
from notifications.selectors.devices import is_stale

_DEVICE_INFO_BYTES = 4 * 1024
_MOST_SWITCHES = 100


class DeviceInput(Input):
    device_token = Text(max_length=255, help_text="As Firebase gave it to the app.")
    kind = serializers.ChoiceField(
        UserDevice.Address.choices, default=UserDevice.Address.TOKEN.value, help_text="What the token is."
    )
    platform = serializers.ChoiceField(UserDevice.Platform.choices)
    device_info = AppObject(
        max_bytes=_DEVICE_INFO_BYTES, default=dict, help_text="Model, versions: whatever helps support."
    )


class DeviceOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    device_token = serializers.CharField()
    kind = serializers.ChoiceField(UserDevice.Address.choices)
    platform = serializers.ChoiceField(UserDevice.Platform.choices)
    device_info = serializers.DictField()
    is_active = serializers.BooleanField(help_text="False once Firebase has said that it is gone.")
    is_stale = serializers.SerializerMethodField(help_text="Not heard of for 30 days.")
    last_seen_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()

    def get_is_stale(self, device: UserDevice) -> bool:
        return is_stale(device, at=timezone.now())


class SwitchInput(Input):
    category = Text(max_length=30)
    channel = serializers.ChoiceField([channel.value for channel in Channel])
    enabled = serializers.BooleanField()


class QuietHoursInput(Input):
    begins = serializers.TimeField(help_text="By the member's own clock.")
    ends = serializers.TimeField(help_text="Earlier than the beginning: the next morning; the same: none.")


class PreferencesInput(Input):
    """What is not given stays."""

    preferences = serializers.ListField(child=SwitchInput(), max_length=_MOST_SWITCHES, required=False)
    quiet_hours = QuietHoursInput(
        required=False, allow_null=True, help_text="null: the programme's own hold again."
    )


class ChoiceOutput(serializers.Serializer[Any]):
    category = serializers.CharField()
    channel = serializers.ChoiceField([channel.value for channel in Channel])
    enabled = serializers.BooleanField()
    changeable = serializers.BooleanField(help_text="False for what always reaches the inbox.")


class QuietHoursOutput(serializers.Serializer[Any]):
    begins = serializers.TimeField()
    ends = serializers.TimeField()
    chosen = serializers.BooleanField(help_text="Whether the member chose them; else the programme did.")
    time_zone = serializers.CharField(help_text="Changed by `auth/me/`.")


class PreferencesOutput(serializers.Serializer[Any]):
    preferences = ChoiceOutput(many=True, source="choices")
    quiet_hours = QuietHoursOutput()


class InboxQuery(Input):
    unread = serializers.BooleanField(required=False, default=False, help_text="Only what was not read yet.")


class InboxMessageOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="notification_id", help_text="As in the push's data.")
    kind = serializers.CharField()
    category = serializers.CharField()
    notification_type = serializers.ChoiceField(PURPOSES)
    title = serializers.CharField()
    body = serializers.CharField()
    link = serializers.CharField(help_text="Where it leads in the app; `links/resolve/` takes it apart.")
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class InboxPageOutput(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = InboxMessageOutput(many=True)


class UnreadOutput(serializers.Serializer[Any]):
    unread = serializers.IntegerField()


class ReadAllOutput(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many had not been read.")
