"""The application under the role of `grant_app_role`: every kind of work, on connections that own nothing."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

import accounts.tasks
import chat_support.tasks
import core.tasks
import orders.tasks
from accounts.models import User
from catalog.models import Product
from chat_support.facade import erase_member_chat
from chat_support.models import TicketMessage
from core import outbox
from core.contracts import SYSTEM
from notifications.facade import erase_member_devices
from orders.facade import move_order
from orders.models import Order
from orders.services.payment import pay_order
from orders.services.return_requests import accept_return_request
from rewards import tasks
from rewards.models import LoyaltyTier, Programme, TierChange, UserPoints, UserVoucher
from rewards.services.clock import expire_points, mature_points
from rewards.services.settings import save_setting
from rewards.services.vouchers import expire_vouchers
from tests.accounts.keys import shop_client
from tests.catalog.factories import make_product
from tests.chat_support import stream
from tests.databases import rows
from tests.fakes import phones
from tests.fakes.stream import FakeStream
from tests.orders.imports.csvs import orders_file, returns_file, run_import
from tests.orders.shop import terms
from tests.rewards.ledger import set_programme

PHONE = "+27821234567"


def ok(response, status=200):
    assert response.status_code == status, response.content
    return response.json()


@pytest.fixture
def app(as_app, settings):
    """The phone of a member who signed in by a code."""
    settings.OTP_SENDER = "tests.fakes.phones.send"
    phone = APIClient()
    otp_id = ok(phone.post("/auth/send-otp/", {"phone": PHONE}))["otp_id"]
    signed_in = ok(phone.post("/auth/verify-otp/", {"otp_id": otp_id, "code": phones.last_code(PHONE)}))
    signed_in = ok(phone.post("/auth/refresh/", {"refresh": signed_in["refresh"]}))
    phone.credentials(HTTP_AUTHORIZATION=f"Bearer {signed_in['access']}")
    User.objects.update(external_id="C-1")
    return phone


@pytest.fixture
def points(app):
    """A function that says what the member's phone shows, once nothing is on its way any more."""
    till = shop_client("points:write")
    body = {"points": 1200, "key": "welcome", "reason": "Welcome"}
    ok(till.post("/api/v1/shop/members/C-1/points/", body))

    def shown():
        assert outbox.drain(30)
        balance = ok(app.get("/rewards/balance/"))
        return balance["current_points"], balance["pending_points"], balance["lifetime_points"]

    return shown


@pytest.fixture
def boss(as_app, client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def redeem(app, key):
    body = {"redemption_option_id": "voucher-10", "points_to_redeem": 100}
    return ok(app.post("/rewards/redeem/", body, headers={"Idempotency-Key": key}))["voucher"]["code"]


def place(app, code):
    product = make_product("200.00", stock=5, stock_is_tracked=True)
    body = {"lines": [{"product_id": product.pk, "qty": 2}], "voucher_code": code, "points": 100}
    token = ok(app.post("/api/v1/orders/quote/", body))["quote_token"]
    return Order.objects.get(pk=ok(app.post("/api/v1/orders/", {"quote_token": token}), 201)["id"])


def deliver(order):
    pay_order(order_id=order.pk, actor=SYSTEM, at=timezone.now(), amount=order.total, reference="P-1")
    for to in ("processing", "shipped", "delivered"):
        move_order(order_id=order.pk, to=to, actor=SYSTEM, at=timezone.now())


def test_it_signs_in_as_the_role_that_owns_nothing(app, as_app):
    assert rows("SELECT session_user, current_user") == [(as_app, as_app)]
    assert rows("SELECT FROM pg_class WHERE relowner = current_user::regrole") == []


def test_a_member_redeems_buys_pays_gets_points_and_sends_half_back(app, points):
    terms()
    code = redeem(app, "tap")
    assert redeem(app, "tap") == code
    assert points() == (1100, 0, 1200)
    order = place(app, code)
    assert points() == (1000, 0, 1200)
    deliver(order)
    assert points() == (1038, 0, 1238)  # R400 of goods, R10 by the voucher and R10 by points
    line = order.items.get()
    asked = {"lines": [{"line_id": line.pk, "qty": 1}], "reason": "Too big"}
    request_id = ok(app.post(f"/api/v1/orders/{order.pk}/returns/", asked), 201)["id"]
    accept_return_request(request_id=request_id, actor=SYSTEM, at=timezone.now())
    assert points() == (1069, 0, 1219)  # half of the points that paid come back, half of those earned go
    assert UserVoucher.objects.get().status == "used"
    call_command("audit_ledger", stdout=StringIO())


def test_an_unpaid_order_lets_go_and_a_shop_tells_of_its_own(app, points):
    order = place(app, redeem(app, "tap"))
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(seconds=1))
    orders.tasks.cancel_unpaid()
    assert points() == (1100, 0, 1200)
    assert (UserVoucher.objects.get().status, Product.objects.get().stock) == ("available", 5)
    shop = shop_client("orders:write")
    told = {
        "status": "delivered",
        "member": {"external_id": "C-1"},
        "lines": [{"sku": "L", "name": "Lamp", "qty": 2, "unit_price": "50.00"}],
        "total": "100.00",
    }
    assert shop.put("/api/v1/shop/orders/77/", told).status_code == 201
    assert points() == (1110, 0, 1210)
    call_command("audit_ledger", stdout=StringIO())


def test_the_clock_and_the_jobs_do_their_work(app, points):
    programme = Programme.objects.get()
    programme.hold_days, programme.points_valid_months = 14, 1
    save_setting(programme, actor=SYSTEM)
    set_programme(tier_basis="rolling_year")
    redeem(app, "tap")
    shop = shop_client("orders:write")
    now = timezone.now()
    told = {"status": "delivered", "member": {"external_id": "C-1"}, "total": "500.00"}
    assert shop.put("/api/v1/shop/orders/78/", told).status_code == 201
    assert points() == (1100, 50, 1250)
    assert mature_points(at=now + timedelta(days=15)) == 1
    assert UserPoints.objects.get().current_points == 1150
    assert expire_points(at=now + timedelta(days=70)) == 1
    account = UserPoints.objects.get()
    assert (account.current_points, account.pending_points, account.lifetime_points) == (1100, 0, 1250)
    assert expire_vouchers(at=now + timedelta(days=70)) == 1
    for job in (
        core.tasks.sweep_outbox,
        core.tasks.forget_idempotent_responses,
        accounts.tasks.forget_old,
        tasks.mature_points,
        tasks.expire_points,
        tasks.expire_vouchers,
        tasks.recalculate_rolling_tiers,
    ):
        job()
    silver = LoyaltyTier.objects.get(name="Silver")
    silver.min_points = 9000
    save_setting(silver, actor=SYSTEM)
    assert outbox.drain(30)
    tasks.update_user_tier(user_id=account.user_id)
    assert list(TierChange.objects.order_by("id").values_list("to_tier__name", flat=True)) == [
        "Silver",
        "Bronze",
    ]
    call_command("audit_ledger", stdout=StringIO())


def test_tickets_come_to_stream(app, settings):
    stream = FakeStream()
    try:
        for name, value in stream.environment().items():
            setattr(settings, name, value)
        chat_id = ok(app.post("/auth/stream-token/"))["user_id"]
        ticket = ok(app.post("/support/tickets/", {"subject": "My parcel", "text": "Where is it?"}), 201)
        ok(app.patch("/auth/me/", {"first_name": "Thandi"}))
        assert outbox.drain(30)
        chat_support.tasks.call_stream()
        assert stream.users[chat_id]["name"] == "Thandi"
        assert stream.texts(ticket["channel_id"]) == [("Thandi", "Where is it?")]
        chat_support.tasks.forget_calls()
    finally:
        stream.stop()


def test_files_are_imported(as_app, tmp_path):
    orders_csv = orders_file(
        tmp_path,
        "M1,A,2024-05-01T10:00:00,O1,2,100.00,LAMP",
        "M2,B,2024-05-02T10:00:00,O2,1,50.00,VASE",
    )
    returns_csv = returns_file(tmp_path, "M1,A,2024-05-03T10:00:00,C1,1,100.00")
    run_import(orders_csv, returns_csv)
    balances = UserPoints.objects.order_by("user__external_id").values_list(
        "user__external_id", "lifetime_points"
    )
    assert list(balances) == [("M1", 10), ("M2", 5)]
    # The importer's own ANALYZE took effect, which PostgreSQL skips for who may not.
    assert rows("SELECT reltuples FROM pg_class WHERE relname = 'order_returns'") == [(1,)]
    call_command("audit_ledger", stdout=StringIO())


def test_staff_work_in_the_admin(app, points, boss):
    redeem(app, "tap")
    for model in admin.site._registry:
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert boss.get(page, follow=True).status_code == 200, page
    boss.post(reverse("admin:auth_group_add"), {"name": "Night shift"})
    group = Group.objects.get(name="Night shift")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.groups.add(group)
    boss.post(reverse("admin:accounts_user_delete", args=[clerk.pk]), {"post": "yes"})
    boss.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})
    assert not User.objects.filter(username="clerk").exists()
    assert not Group.objects.filter(name="Night shift").exists()
    boss.post(reverse("admin:logout"))


def test_stream_tells_of_a_ticket_and_a_member_is_erased(app, points, settings):
    settings.STREAM_CHAT_API_KEY, settings.STREAM_CHAT_SECRET = stream.KEY, stream.SECRET
    opened = ok(app.post("/support/tickets/", {"subject": "My parcel", "text": "Where?"}), 201)
    member = User.objects.get(external_id="C-1")
    User.objects.filter(pk=member.pk).update(stream_chat_user_id="mh-1")
    event = stream.message_event(opened["channel_id"], "mh-1", "Here!", at=timezone.now())
    ok(stream.send(event))
    assert outbox.drain(30)
    assert TicketMessage.objects.filter(text="Here!").exists()
    assert erase_member_chat(member.pk, at=timezone.now()) == 1
    assert erase_member_devices(member.pk, at=timezone.now()) >= 0
    assert not TicketMessage.objects.exclude(text="").exists()
    chat_support.tasks.forget_webhooks()


def test_who_watches_it_sees_it_well(as_app):
    phone = APIClient()
    assert ok(phone.get("/health/db"))["status"] == "ok"
    assert phone.get("/metrics").status_code == 200
