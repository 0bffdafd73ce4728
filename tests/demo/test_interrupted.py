"""A load that is refused, or killed on the way."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from core.models import OutboxMessage
from demo.generator import generate
from demo.models import DemoShop
from orders.models import Order
from rewards.models import EarningRule, PointsTransaction, RedemptionOption, UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger
from tests.accounts.factories import make_user
from tests.catalog.factories import make_product
from tests.demo.loaded import ANCHOR, NOW, Killed, load, small_plan, totals
from tests.demo.story import orders_of
from tests.orders.factories import make_order
from tests.rewards.ledger import set_programme


@pytest.mark.django_db
@pytest.mark.parametrize("make", [make_user, make_product, make_order])
def test_a_database_with_data_of_its_own_is_refused_and_left_alone(make: Any) -> None:
    make()
    before = totals()
    with pytest.raises(CommandError) as refusal:
        call_command("load_demo", members=30)
    assert str(refusal.value) == "The database is not empty: no demonstration shop is loaded into it"
    assert totals() == before
    assert not DemoShop.objects.exists()


@pytest.mark.django_db
def test_staff_alone_do_not_make_a_database_somebodys() -> None:
    User.objects.create_superuser("boss", password="correct horse")
    with pytest.raises(Killed):
        load(killed_after=1)
    assert User.objects.filter(is_staff=False).count() == 30


@pytest.mark.django_db
def test_a_load_killed_on_the_way_again_and_again_ends_as_one_that_was_not(
    whole_totals: dict[str, Any],
) -> None:
    for phase in (1, 2, 40, 41, 100):
        with pytest.raises(Killed):
            load(killed_after=phase)
        assert DemoShop.objects.get().phases_done == phase
    finished = load()
    assert finished
    assert finished.finished_at
    assert totals() == whole_totals
    assert audit_ledger().broken == ()


@pytest.mark.django_db
def test_a_load_killed_before_it_was_marked_as_whole_only_marks_it(whole_totals: dict[str, Any]) -> None:
    load()
    DemoShop.objects.update(finished_at=None)
    assert load()
    assert totals() == whole_totals


@pytest.mark.django_db
def test_a_load_that_goes_on_the_day_after_tells_the_story_that_it_began() -> None:
    yesterday = ANCHOR - timedelta(days=1)
    with pytest.raises(Killed):
        load(small_plan(yesterday), killed_after=50)
    load(small_plan())
    story = orders_of(generate(small_plan(yesterday)))
    assert set(Order.objects.values_list("number", flat=True)) == set(story)
    assert Order.objects.latest("placed_at").placed_at == max(order.placed_at for order in story.values())


@pytest.mark.django_db
def test_a_programme_that_was_changed_before_is_kept_to() -> None:
    set_programme(hold_days=14, points_valid_months=2, tier_basis="current")
    EarningRule.objects.create(name="Welcome", rule_type="signup", points_amount=20)
    RedemptionOption.objects.filter(pk="voucher-25").update(is_active=False)
    load()
    assert PointsTransaction.objects.filter(description="Sign-up bonus").count() == 30
    assert PointsTransaction.objects.filter(transaction_type="expired").exists()
    assert UserPoints.objects.filter(pending_points__gt=0).exists()
    assert not UserVoucher.objects.filter(option="voucher-25").exists()
    assert audit_ledger().broken == ()


@pytest.mark.django_db(transaction=True)
def test_a_load_killed_with_sigkill_is_finished_by_the_next(whole_totals: dict[str, Any]) -> None:
    address = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": address._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
        "REDIS_URL": "redis://127.0.0.1:1",  # nobody: its nudges are not for a worker of a running site
    }
    plan = small_plan()  # begun here, because the other process lives today
    DemoShop.objects.create(anchor=ANCHOR, seed=plan.seed, members=plan.members, products=plan.products)
    load_of_another = subprocess.Popen(
        [sys.executable, "manage.py", "load_demo"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not DemoShop.objects.filter(phases_done__gte=30).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        load_of_another.send_signal(signal.SIGKILL)
        assert load_of_another.wait(10) == -signal.SIGKILL
    assert DemoShop.objects.filter(phases_done__gte=30, finished_at=None).exists()
    assert UserPoints.objects.exists()
    OutboxMessage.objects.update(due_at=NOW)  # written today, which is yet to come here
    load()
    assert totals() == whole_totals
    assert audit_ledger().broken == ()
