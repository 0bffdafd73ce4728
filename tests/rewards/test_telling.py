"""What members are told of their points: once each, in the inbox and by push."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from core import outbox
from notifications.models import InboxMessage, PushNotification
from orders.contracts import ORDER_DELIVERED
from rewards.models import TierChange, UserPoints, UserVoucher
from rewards.services.earning import accrue_orders
from rewards.services.telling import remind_of_points, remind_of_vouchers
from rewards.tasks import send_tier_upgrade_notification
from tests.concurrency import together
from tests.rewards.ledger import deliver_order, make_member

pytestmark = pytest.mark.django_db


def told(member, kind):
    return list(
        InboxMessage.objects.filter(user=member, kind=kind)
        .order_by("id")
        .values_list("title", "body", "link")
    )


def local(*parts):
    return timezone.make_aware(datetime(*parts))


def test_a_delivered_order_tells_of_its_points_and_of_the_tier_that_they_reach(member):
    order = deliver_order(member, "12000", at=timezone.now())
    assert outbox.drain(20)
    assert told(member, "points_earned") == [
        ("You earned 1200 points", f"Purchase, order {order.number}: 1200 points.", "markethub://inbox")
    ]
    assert told(member, "tier_upgrade") == [
        ("Welcome to Silver", "You have reached Silver. See what it brings you.", "markethub://tier")
    ]
    assert told(member, "order_delivered") == [
        (
            "Your order has arrived",
            f"Order {order.number} has been delivered. Enjoy!",
            f"markethub://orders/{order.pk}",
        )
    ]
    assert PushNotification.objects.filter(user=member, status="pending").count() == 3
    with transaction.atomic():
        outbox.publish(ORDER_DELIVERED, order_id=order.pk, user_id=member.pk)
    assert outbox.drain(20)
    assert InboxMessage.objects.filter(user=member).count() == 3


def test_orders_of_long_ago_tell_nothing(member):
    order = deliver_order(member, "12000", at=timezone.now() - timedelta(days=3), accrue=False)
    accrue_orders([order.pk], at=timezone.now())
    assert outbox.drain(20)
    assert UserPoints.objects.get(user=member).lifetime_points == 1200
    assert set(InboxMessage.objects.values_list("kind", flat=True)) <= {"tier_upgrade"}


def test_a_member_who_has_moved_on_is_told_of_where_they_are(member):
    deliver_order(member, "12000", at=timezone.now())
    deliver_order(member, "40000", at=timezone.now())
    assert outbox.drain(20)
    titles = [title for title, _, _ in told(member, "tier_upgrade")]
    assert titles[-1] == "Welcome to Gold"


def test_the_task_tells_once_however_often_it_runs(member):
    for _ in range(3):
        send_tier_upgrade_notification(member.pk, "Gold")
    assert [title for title, _, _ in told(member, "tier_upgrade")] == ["Welcome to Gold"]


def test_the_task_and_the_move_tell_once(member):
    deliver_order(member, "12000", at=timezone.now())
    assert outbox.drain(20)
    send_tier_upgrade_notification(user_id=member.pk, tier_name="Silver", newer="argument")
    assert len(told(member, "tier_upgrade")) == TierChange.objects.filter(to_tier__name="Silver").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_task_a_hundred_times_at_once_tells_once():
    member = make_member()
    results = together(*[lambda: send_tier_upgrade_notification(member.pk, "Gold")] * 20)
    assert results == [None] * 20
    assert len(told(member, "tier_upgrade")) == 1


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (local(2026, 11, 30, 9), 30),
        (local(2026, 12, 1, 9), 29),  # the job did not run yesterday
        (local(2026, 12, 2, 9), 28),
        (local(2026, 12, 23, 9), 7),
        (local(2026, 12, 25, 9), 5),
    ],
)
def test_points_that_expire_are_told_before(member, now, days):
    deliver_order(member, "1000", at=local(2024, 12, 30, 12))
    remind_of_points(at=now)
    remind_of_points(at=now)
    assert [(title, body) for title, body, _ in told(member, "points_expiring")] == [
        (f"100 points expire in {days} days", "Use them by 30 Dec 2026.")
    ]


@pytest.mark.parametrize("now", [local(2026, 11, 29, 23, 59), local(2026, 12, 4, 9), local(2026, 12, 22, 9)])
def test_on_other_days_nothing_is_said(member, now):
    deliver_order(member, "1000", at=local(2024, 12, 30, 12))
    remind_of_points(at=now)
    assert told(member, "points_expiring") == []


def test_a_voucher_that_ends_in_three_days_is_told_once(member):
    voucher = UserVoucher.objects.create(
        user=member, code="ABC", type="discount_voucher", value=10, expires_at=local(2026, 12, 31, 0)
    )
    UserVoucher.objects.create(
        user=member,
        code="USED",
        type="discount_voucher",
        value=10,
        status="used",
        expires_at=local(2026, 12, 31, 0),
    )
    remind_of_vouchers(at=local(2026, 12, 26, 9))
    assert told(member, "voucher_expiring") == []
    for day in (27, 28, 29):
        remind_of_vouchers(at=local(2026, 12, day, 9))
    assert told(member, "voucher_expiring") == [
        ("Your voucher ABC expires soon", "Use it by 30 Dec 2026.", f"markethub://vouchers/{voucher.pk}")
    ]
