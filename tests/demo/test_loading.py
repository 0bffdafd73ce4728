"""A loaded shop: whole, with clean books, and the same however often it is loaded."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product, Review
from chat_support.models import Agent, CannedAnswer, SupportTicket
from core.audit import AuditEntry
from core.outbox import pending
from demo.generator import generate
from demo.loading import visitor
from demo.phases import PASSWORD
from demo.stories import USERNAME
from notifications.models import InboxMessage
from orders.models import Order, OrderReturn, OrderStep
from orders.rules import Status
from rewards.models import PointsTransaction, TierChange, UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger
from rewards.selectors.balance import balance, balance_as_of
from rewards.services.redemption import redeem_option
from tests.demo.loaded import small_plan, totals
from tests.demo.story import orders_of, purchase_points, redemptions_of, returns_of, reviews_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loaded_shop")]


def test_everything_of_the_story_is_in_the_database_once() -> None:
    shop = generate(small_plan())
    assert User.objects.filter(is_staff=False).count() == len(shop.members) == 30
    assert Product.objects.count() == 40
    orders = orders_of(shop)
    stored = {order.number: order for order in Order.objects.all()}
    assert (
        stored.keys()
        == {number for number, order in orders.items() if order.by_steps or order.delivered_at}
        == orders.keys()
    )
    back = {returned.order.number for returned in returns_of(shop)}
    for number, order in orders.items():
        expected = {order.status} if number not in back else {"partially_returned", "returned"}
        assert stored[number].status in expected
        assert stored[number].placed_at == order.placed_at
        assert stored[number].total == order.net + order.shipping - stored[number].voucher_discount
    assert OrderReturn.objects.count() == len(back)
    assert Review.objects.count() == len(list(reviews_of(shop)))
    assert UserVoucher.objects.count() == len(list(redemptions_of(shop))), "none was refused"


def test_the_books_are_clean_and_nothing_waits() -> None:
    assert audit_ledger().broken == ()
    assert pending() == 0


def test_purchases_earn_what_the_story_reckons_with() -> None:
    shop = generate(small_plan())
    vouchered = {order.member for order in orders_of(shop).values() if order.with_voucher}
    expected = purchase_points(shop)
    for user_id, key in User.objects.values_list("pk", "external_id"):
        lines = PointsTransaction.objects.filter(user_id=user_id, order__isnull=False)
        earned = sum(lines.filter(lifetime_points__gt=0).values_list("points", flat=True))
        earned += sum(lines.filter(transaction_type="reversed").values_list("points", flat=True))
        # A voucher's rands earn nothing: 25 of them are 3 points at most, once or twice a member.
        assert expected[key] - earned in (range(10) if key in vouchered else (0,))


def test_points_are_dated_as_they_were_earned_and_no_balance_of_the_past_is_negative() -> None:
    earliest = PointsTransaction.objects.order_by("effective_at").first()
    assert earliest
    assert timezone.now() - earliest.effective_at > timedelta(days=690)
    for account in UserPoints.objects.all():
        for move in PointsTransaction.objects.filter(user_id=account.user_id):
            then = balance_as_of(account.user_id, at=move.effective_at)
            assert then.current_points >= 0
            assert then.debt_points >= 0


def test_tiers_were_reached_in_the_course_of_the_story() -> None:
    names = dict(UserPoints.objects.values_list("user__external_id", "tier__name"))
    assert set(names.values()) == {"Bronze", "Silver", "Gold", "Platinum"}
    days = set(TierChange.objects.values_list("created_at__date", flat=True))
    assert len(days) > 20


def test_every_kind_of_ledger_line_voucher_and_review_is_there(loaded_shop: dict[str, Any]) -> None:
    kinds = {table: set() for table, _ in (key for key in loaded_shop if isinstance(key, tuple))}
    for table, kind in (key for key in loaded_shop if isinstance(key, tuple)):
        kinds[table].add(kind)
    assert kinds["ledger"] >= {"earned", "redeemed", "reversed", "expired", "adjusted"}
    assert kinds["vouchers"] == {"available", "reserved", "used", "expired"}
    assert kinds["reviews"] == {"approved", "pending", "rejected"}
    assert kinds["orders"] == {str(status) for status in Status}


def test_spent_points_that_were_returned_are_a_debt() -> None:
    debts = dict(UserPoints.objects.filter(debt_points__gt=0).values_list("user__external_id", "debt_points"))
    assert debts == {"demo-0001": 100, "demo-0002": 100}


def test_several_members_have_points_that_expire_within_a_month() -> None:
    now = timezone.now()
    soon = [
        user_id
        for user_id in User.objects.values_list("pk", flat=True)
        if balance(user_id, at=now).points_expiring_soon
    ]
    assert len(soon) >= 2
    assert visitor() in soon


def test_approved_reviews_earn_at_the_time_of_the_approval() -> None:
    approved = Review.objects.filter(status="approved")
    bonuses = PointsTransaction.objects.filter(natural_key__startswith="review:")
    assert {line.natural_key: (line.user_id, line.effective_at) for line in bonuses} == {
        f"review:{review.pk}": (review.user_id, review.moderated_at) for review in approved
    }


def test_adjustments_have_a_reason_and_an_audit_row() -> None:
    adjusted = PointsTransaction.objects.filter(transaction_type="adjusted").order_by("effective_at")
    assert [line.points for line in adjusted] == [250, -120]
    entries = AuditEntry.objects.filter(action="points.adjust").order_by("id")
    assert sorted(entry.reason for entry in entries) == sorted(line.metadata["reason"] for line in adjusted)


def test_a_young_order_has_its_steps_one_by_one() -> None:
    order = Order.objects.filter(status="shipped").first()
    assert order
    steps = OrderStep.objects.filter(order=order).order_by("id").values_list("to_status", flat=True)
    assert list(steps) == ["pending", "paid", "processing", "shipped"]


def test_a_voucher_is_used_by_the_order_that_was_paid_and_reserved_by_the_one_that_was_not() -> None:
    used = UserVoucher.objects.filter(status="used", order__isnull=False)
    assert all(voucher.order.voucher_code == voucher.code for voucher in used)
    assert all(voucher.order.voucher_discount == voucher.value for voucher in used)
    reserved = UserVoucher.objects.get(status="reserved")
    assert (reserved.order.status, reserved.user.external_id) == ("pending", "demo-0003")


def test_the_visitors_member_can_sign_in_look_and_redeem(api: APIClient) -> None:
    answer = api.post("/auth/login/", {"username": USERNAME, "password": PASSWORD})
    assert answer.status_code == 200
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.data['access']}")
    mine = api.get("/rewards/balance/").data
    assert mine["current_points"] >= 1000
    assert mine["pending_points"] == mine["debt_points"] == 0
    assert mine["points_expiring_soon"] > 0
    assert api.get("/rewards/loyalty-status/").data["current_tier"] in ("Silver", "Gold")
    owned = sorted((one["type"], one["status"]) for one in api.get("/rewards/vouchers/").data)
    assert owned == [
        ("discount_voucher", "available"),
        ("discount_voucher", "expired"),
        ("discount_voucher", "used"),
        ("free_shipping", "available"),
    ]
    member = visitor()
    assert member
    redeem_option(user_id=member, option_id="voucher-10", offered=100, at=timezone.now())


def test_the_support_desk_has_an_agent_and_tickets_in_every_stage() -> None:
    (agent,) = Agent.objects.filter(on_duty=True).select_related("user")
    assert not agent.user.has_usable_password()
    assert agent.user.has_perm("chat_support.answer_ticket")
    tickets = SupportTicket.objects.order_by("created_at").values_list(
        "user__external_id", "status", "assigned_agent", "unread_by_member", "unread_by_agents", "rating"
    )
    assert list(tickets) == [
        ("demo-0000", "resolved", agent.pk, 0, 0, 5),
        ("demo-0000", "in_progress", agent.pk, 1, 0, None),
        ("demo-0004", "open", agent.pk, 0, 1, None),
    ]
    assert InboxMessage.objects.filter(kind="ticket_answered").count() == 1, "the others were read"
    assert CannedAnswer.objects.count() == 3
    assert all(ticket.first_answer_due_at for ticket in SupportTicket.objects.all())


def test_a_second_load_asks_one_thing_and_changes_nothing(
    loaded_shop: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries, capsys: Any
) -> None:
    began = time.monotonic()
    with django_assert_num_queries(1):
        call_command("load_demo")
    assert time.monotonic() - began < 0.5
    assert capsys.readouterr().out == "The demonstration shop is there.\n"
    assert totals() == loaded_shop


def test_members_who_join_a_demonstration_do_not_stop_it_from_starting(loaded_shop: dict[str, Any]) -> None:
    User.objects.create_user("somebody")
    call_command("load_demo")
    assert totals().keys() - loaded_shop.keys() == {None}


def test_a_number_of_members_out_of_range_is_refused() -> None:
    with pytest.raises(CommandError, match="--members must be between 30 and 2500"):
        call_command("load_demo", members=29)
