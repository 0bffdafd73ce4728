"""Callers read the clock and then wait for a lock: nobody acts before what was posted meanwhile."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from core import outbox
from core.contracts import SYSTEM, Actor
from core.models import OutboxMessage
from rewards import tasks
from rewards.contracts import POINTS_EARNED
from rewards.models import EarningRule, LoyaltyTier, PointsTransaction, TierChange, UserPoints
from rewards.selectors.balance import loyalty_status
from rewards.services.adjustment import adjust_points
from rewards.services.clock import expire_points
from rewards.services.earning import accrue_orders
from rewards.services.posting import hold_judgements, lock_accounts
from rewards.services.redemption import redeem_option
from rewards.services.settings import save_setting
from rewards.services.vouchers import take_back_voucher
from tests.concurrency import together
from tests.rewards.ledger import (
    Points,
    assert_clean_books,
    day,
    deliver_order,
    make_member,
    points,
    points_as_of,
    return_pieces,
    set_programme,
)


@pytest.mark.django_db
def test_a_spend_restored_by_a_lagging_clock_does_not_go_back_to_a_lot_whose_expiry_is_posted():
    set_programme(points_valid_months=1)
    member = make_member()
    deliver_order(member, 1500, at=day(0))
    voucher = redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=day(1)).voucher
    midnight = day(32).replace(hour=0)
    with transaction.atomic():
        lock_accounts([member.pk], at=midnight).post()
    late = midnight - timedelta(milliseconds=50)
    take_back_voucher(voucher_id=voucher.pk, reason="r", actor=SYSTEM, at=late)
    assert points(member, midnight) == Points(100, 0, 150, 0)
    adjust_points(user_id=member.pk, points=1, reason="r", key="k", actor=SYSTEM, at=day(33))
    assert expire_points(at=day(90)) == 1
    assert points(member, day(90)) == Points(0, 0, 151, 0)
    assert_clean_books()


@pytest.mark.django_db
def test_a_spend_by_a_lagging_clock_is_dated_after_what_it_spends():
    member = make_member()
    deliver_order(member, 1000, at=day(1))
    redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=day(0))
    assert points_as_of(member, day(0)) == Points(0, 0, 0, 0)
    assert points_as_of(member, day(1)) == Points(0, 0, 100, 0)


@pytest.mark.django_db
def test_a_voucher_bought_by_a_lagging_clock_lasts_from_when_its_points_were_spent():
    member = make_member()
    deliver_order(member, 1000, at=day(1))
    voucher = redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=day(0)).voucher
    assert (voucher.created_at, voucher.expires_at) == (day(1), day(32).replace(hour=0))


@pytest.mark.django_db
def test_an_earn_posted_late_repays_a_younger_debt_when_it_is_posted():
    member = make_member()
    adjust_points(user_id=member.pk, points=-100, reason="r", key="k", actor=SYSTEM, at=day(2))
    order = deliver_order(member, 1000, at=day(0), accrue=False)
    accrue_orders([order.pk], at=day(3))
    assert points_as_of(member, day(1)) == Points(100, 0, 100, 0)
    assert points_as_of(member, day(3)) == points(member, day(3)) == Points(0, 0, 100, 0)
    assert_clean_books()


@pytest.mark.django_db
def test_a_return_of_last_years_order_does_not_count_against_this_year():
    set_programme(tier_basis="rolling_year")
    member = make_member()
    old = deliver_order(member, 10000, at=day(0))
    new = deliver_order(member, 12000, at=day(370), qty=2)
    return_pieces(old, 1, at=day(371))
    assert loyalty_status(member.pk, at=day(371)).basis_points == 1200
    return_pieces(new, 1, at=day(372))
    assert loyalty_status(member.pk, at=day(372)).basis_points == 600
    names = TierChange.objects.order_by("id").values_list("to_tier__name", flat=True)
    assert list(names) == ["Silver", "Bronze"]


@pytest.mark.django_db
def test_at_the_very_midnight_every_reading_says_that_points_are_gone():
    set_programme(points_valid_months=1, tier_basis="current")
    member = make_member()
    deliver_order(member, 15000, at=day(0))
    midnight = day(32).replace(hour=0)
    assert loyalty_status(member.pk, at=midnight - timedelta(seconds=1)).basis_points == 1500
    assert loyalty_status(member.pk, at=midnight).basis_points == 0
    assert points(member, midnight).current == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "job",
    [
        tasks.mature_points,
        tasks.expire_points,
        tasks.expire_vouchers,
        tasks.recalculate_rolling_tiers,
    ],
)
def test_the_jobs_of_beat_need_nobody_to_open_a_transaction_for_them(job):
    set_programme(tier_basis="rolling_year", hold_days=1, points_valid_months=1)
    member = make_member()
    deliver_order(member, 1000, at=timezone.now() - timedelta(days=400))
    job()
    assert_clean_books()


@pytest.mark.django_db(transaction=True)
def test_a_member_whose_account_is_broken_keeps_nobody_else_waiting():
    set_programme(points_valid_months=1)
    broken, whole = make_member(), make_member()
    for member in (broken, whole):
        deliver_order(member, 1000, at=day(0))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO points_transactions (user_id, natural_key, transaction_type, points,"
            " lifetime_points, description, metadata, effective_at, created_at)"
            " SELECT user_id, natural_key || ':expire', 'adjusted', -1, 0, '', '{}', now(), now()"
            " FROM points_transactions WHERE user_id = %s",
            [broken.pk],
        )
    assert expire_points(at=day(60)) == 1
    assert UserPoints.objects.get(user=whole).current_points == 0


@pytest.mark.django_db(transaction=True)
def test_a_message_about_somebody_who_was_deleted_keeps_nobody_waiting():
    EarningRule.objects.create(name="Welcome", rule_type="signup", points_amount=25)
    gone, there = make_member(), make_member()
    with transaction.atomic():
        outbox.publish("member.joined", user_id=gone.pk)
        outbox.publish("member.joined", user_id=there.pk)
    User.objects.filter(pk=gone.pk).delete()
    outbox.deliver("rewards.signups")
    assert not OutboxMessage.objects.exclude(topic=POINTS_EARNED).exists()
    assert list(PointsTransaction.objects.values_list("user_id", flat=True)) == [there.pk]


@pytest.mark.django_db(transaction=True)
def test_mistake_17_an_account_made_while_a_tier_changes_is_judged_by_the_new_one():
    member = make_member()
    order = deliver_order(member, 6000, at=timezone.now(), accrue=False)
    silver = LoyaltyTier.objects.get(name="Silver")
    silver.min_points = 500

    def change():
        save_setting(silver, actor=Actor("staff:m"))

    with transaction.atomic():
        accrue_orders([order.pk], at=timezone.now())  # judged by the old threshold, and not yet committed
        waiting = together(change, timeout=0.5)
        assert isinstance(waiting[0], TimeoutError)  # the change waits for whoever is judging
    outbox_emptied(lambda: UserPoints.objects.get(user=member).tier.name == "Silver")


def outbox_emptied(condition, seconds=10):
    deadline = timezone.now() + timedelta(seconds=seconds)
    while timezone.now() < deadline:
        outbox.deliver("rewards.tiers")
        if condition():
            return
    raise AssertionError("the tier was never judged anew")


@pytest.mark.django_db(transaction=True)
def test_judgements_wait_for_a_change_of_what_they_are_judged_by():
    member = make_member()
    with transaction.atomic():
        hold_judgements()

        def judge():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '300ms'")
            with transaction.atomic():
                lock_accounts([member.pk], at=timezone.now())

        (refused,) = together(judge)
    assert "lock timeout" in str(refused)
