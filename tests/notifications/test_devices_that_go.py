"""A device that is taken away while a push to it is written down: neither breaks the other."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from notifications.models import PushNotification, PushSend, UserDevice
from notifications.services.devices import remove_device
from notifications.services.fanning_out import fan_out
from tests.accounts.factories import make_user
from tests.concurrency import together
from tests.notifications.factories import make_device, tell

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = timedelta(minutes=1)


@pytest.fixture
def device():
    device = make_device(make_user())
    tell(device.user)
    return device


def fan():
    return fan_out(limit=10, lease=LEASE, at=timezone.now())


def take_away(device):
    return remove_device(user_id=device.user_id, device_id=device.pk)


def one_within_the_other(first, second):
    """Do the second thing while the transaction in which the first was done is open."""
    done = threading.Event()

    def outer():
        with transaction.atomic():
            result = first()
            done.set()
            time.sleep(0.3)
        return result

    def inner():
        assert done.wait(10)
        return second()

    return together(outer, inner)


def test_who_takes_it_away_waits_for_the_push(device):
    (sends, decided), removed = one_within_the_other(fan, lambda: take_away(device))
    assert (len(sends), decided, removed) == (1, 1, None)
    assert not UserDevice.objects.exists()
    assert list(PushSend.objects.values_list("device_id", "state")) == [(None, "pending")]


def test_a_push_waits_for_who_takes_it_away_and_finds_no_device(device):
    removed, (sends, decided) = one_within_the_other(lambda: take_away(device), fan)
    assert (removed, sends, decided) == (None, [], 1)
    push = PushNotification.objects.get()
    assert (push.status, push.reason) == ("dropped", "no device to send to")
    assert not PushSend.objects.exists()
