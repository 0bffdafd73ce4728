"""Members are told of their orders' steps once, and not of what is long past."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core import outbox
from notifications.models import InboxMessage
from orders.models import Order
from orders.services.telling import tell_delivered, tell_shipped
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def order():
    now = timezone.now()
    return Order.objects.create(
        user=make_user(), total=100, status="shipped", placed_at=now, paid_at=now, shipped_at=now
    )


def told():
    return list(InboxMessage.objects.order_by("id").values_list("kind", "key"))


def test_a_shipped_order_is_told_once(order):
    for _ in range(2):
        tell_shipped([order.pk], at=timezone.now())
    assert told() == [("order_shipped", f"order:{order.pk}:shipped")]


@pytest.mark.parametrize(
    "change",
    [
        {"shipped_at": timezone.now() - timedelta(days=2, minutes=1)},
        {"status": "delivered", "delivered_at": timezone.now()},
        {"status": "cancelled", "cancelled_at": timezone.now()},
    ],
)
def test_what_is_past_is_not_told(order, change):
    Order.objects.update(**change)
    tell_shipped([order.pk], at=timezone.now())
    assert told() == []


def test_a_delivered_order_is_told_even_when_it_was_returned_since(order):
    Order.objects.update(status="returned", delivered_at=timezone.now())
    tell_delivered([order.pk], at=timezone.now())
    assert told() == [("order_delivered", f"order:{order.pk}:delivered")]
    assert outbox.pending("orders.messages") == 0
