import html
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import AuditEntry
from orders.models import Order, OrderReturn
from orders.rules import Status
from tests.accounts.factories import make_user
from tests.orders.factories import NOON, give_back, line, make_order, record
from tests.orders.test_rules import ALLOWED

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/order/"


@pytest.fixture
def boss(client):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def reader(client):
    """Staff who may only look at orders."""
    user = make_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client.force_login(user)
    return client


def page_of(order):
    return reverse("admin:orders_order_change", args=[order.pk])


def move_page(order, to):
    return reverse("admin:orders_order_move", args=[order.pk, to])


def return_page(order):
    return reverse("admin:orders_order_return", args=[order.pk])


def said(response):
    return [str(message) for message in response.context["messages"]]


def status(order):
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


# --- the list ----------------------------------------------------------------------------------------------


def test_the_list_costs_the_same_for_one_order_and_fifty(boss):
    counts = []
    for rows in (1, 50):
        for _ in range(rows):
            record([line(1)])
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(LIST).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("term", "numbers"),
    [
        ("A-1", ["A-10", "A-1"]),
        ("A-10", ["A-10"]),
        ("thandi", ["B-7", "A-1"]),
        ("tha", ["B-7", "A-1"]),
        ("Thandi@example.com", ["B-7", "A-1"]),
        ("thandi@example.com", ["B-7", "A-1"]),
        ("nobody", []),
        ("  A-10 ", ["A-10"]),
        ("", ["B-7", "A-10", "A-1"]),
        ("%", []),
    ],
)
def test_orders_are_found_by_number_and_member(boss, term, numbers):
    thandi = make_user("thandi", email="thandi@example.com")
    make_order(number="A-1", user=thandi)
    make_order(number="A-10", user=make_user("sipho"), at=NOON + timedelta(days=1))
    make_order(number="B-7", user=thandi, at=NOON + timedelta(days=2))
    page = boss.get(LIST, {"q": term})
    assert [order.number for order in page.context["cl"].result_list] == numbers


def test_orders_are_filtered_by_status_shop_and_day(boss):
    make_order(number="A-1", status="paid")
    make_order(number="A-2", shop="partner")
    make_order(number="A-3", at=NOON + timedelta(days=40))
    for query, numbers in [
        ({"status__exact": "paid"}, ["A-1"]),
        ({"shop": "partner"}, ["A-2"]),
        ({"placed_at__year": 2026, "placed_at__month": 4}, ["A-3"]),
    ]:
        page = boss.get(LIST, query)
        assert [order.number for order in page.context["cl"].result_list] == numbers


# --- the page ----------------------------------------------------------------------------------------------


def test_the_page_shows_lines_steps_and_returns_and_changes_no_money(boss):
    order = make_order(line(3, "19.99"), line(2), status="delivered")
    give_back(order, {1: 2, 2: 1}, reference="CN-77", reason="broken in the post")
    names = list(order.items.order_by("position").values_list("name", flat=True))
    text = html.unescape(boss.get(page_of(order)).content.decode())
    assert f"2 of {names[0]}, 1 of {names[1]}" in text
    for piece in ("59.97", "CN-77", "broken in the post", "Partially returned", "Processing"):
        assert piece in text
    boss.post(page_of(order), {"total": "1.00", "status": "pending", "number": "X"})
    was = (order.total, "partially_returned", order.number)
    order.refresh_from_db()
    assert (order.total, order.status, order.number) == was


def test_the_page_costs_the_same_for_one_line_and_twenty(boss):
    counts = []
    for rows in (1, 20):
        order = make_order(*[line(30) for _ in range(rows)], status="delivered")
        for number in range(rows):
            give_back(order, dict.fromkeys(range(1, rows + 1), 1), reference=str(number))
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(page_of(order)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("current", [str(one) for one in Status])
def test_the_page_offers_the_allowed_steps_and_no_others(boss, current):
    order = make_order(line(2), status=current)
    text = boss.get(page_of(order)).content.decode()
    offered = {str(to) for to in Status if f'href="{move_page(order, to)}"' in text}
    assert offered == {to for source, to in ALLOWED if source == current and "returned" not in to}
    assert (return_page(order) in text) is (current in ("delivered", "partially_returned"))


def test_orders_are_neither_added_nor_deleted_here(boss):
    order = make_order()
    assert boss.get(f"{LIST}add/").status_code == 403
    assert (
        boss.post(reverse("admin:orders_order_delete", args=[order.pk]), {"post": "yes"}).status_code == 403
    )
    assert status(order) == "pending"


# --- steps by hand -----------------------------------------------------------------------------------------


def test_a_step_asks_why_and_leaves_who_and_why_behind(boss):
    order = make_order(status="paid")
    assert boss.get(move_page(order, "cancelled")).status_code == 200
    assert status(order) == "paid"
    response = boss.post(move_page(order, "cancelled"), {"reason": "sold out"}, follow=True)
    assert said(response) == ["The order is now cancelled."]
    step = order.steps.last()
    assert (step.to_status, step.actor, step.reason) == ("cancelled", "staff:boss", "sold out")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == ("staff:boss", "order.cancelled", "sold out")
    assert (entry.target, entry.before, entry.after) == (
        f"orders.order:{order.pk}",
        {"status": "paid"},
        {"status": "cancelled"},
    )


def test_a_refused_step_says_why_and_changes_nothing(boss):
    order = make_order(status="shipped")
    response = boss.post(move_page(order, "cancelled"), {"reason": "late"}, follow=True)
    assert said(response) == ["An order that is shipped cannot become cancelled."]
    assert status(order) == "shipped"
    assert not AuditEntry.objects.exists()


def test_a_step_sent_twice_is_audited_once(boss):
    order = make_order()
    for _ in range(2):
        boss.post(move_page(order, "paid"), {"reason": ""})
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("to", ["returned", "partially_returned", "lost"])
def test_no_page_moves_to_what_takes_a_return_or_is_no_status(boss, to):
    order = make_order(line(2), status="delivered")
    assert boss.post(move_page(order, to), {"reason": "x"}).status_code == 404
    assert status(order) == "delivered"


def test_selected_orders_are_moved_and_the_refused_are_named(boss):
    ready = [make_order(status="paid") for _ in range(2)]
    other = make_order(number="N-77", status="delivered")
    response = boss.post(
        LIST,
        {"action": "start_processing", "_selected_action": [order.pk for order in [*ready, other]]},
        follow=True,
    )
    assert said(response) == [
        "2 orders are now processing.",
        "Not moved: N-77: An order that is delivered cannot become processing.",
    ]
    assert [status(order) for order in [*ready, other]] == ["processing", "processing", "delivered"]
    assert AuditEntry.objects.count() == 2


# --- returns by hand ---------------------------------------------------------------------------------------


def test_a_return_is_shown_once_more_and_then_taken(boss):
    order = make_order(line(3), line(2), status="delivered")
    give_back(order, {1: 1}, reference="earlier")
    first, second = order.items.order_by("position")
    form = boss.get(return_page(order)).context["form"]
    assert [row["left"] for row in form.rows()] == [2, 2]
    body = {
        "reference": form["reference"].value(),
        "reason": "broken",
        f"item_{first.pk}": "2",
        f"item_{second.pk}": "",
    }
    look = boss.post(return_page(order), body)
    assert [(row["item"].pk, row["qty"], row["left"]) for row in look.context["chosen"]] == [(first.pk, 2, 2)]
    assert OrderReturn.objects.count() == 1
    sure = body | {"confirmed": "Take back"}
    assert said(boss.post(return_page(order), sure, follow=True)) == [f"Taken back as {body['reference']}."]
    again = boss.post(return_page(order), sure, follow=True)
    assert said(again) == [f"This order has the return {body['reference']} already."]
    assert list(order.items.order_by("position").values_list("returned_qty", flat=True)) == [3, 0]
    assert status(order) == "partially_returned"
    made = order.returns.get(reference=body["reference"])
    assert (made.actor, made.reason) == ("staff:boss", "broken")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("order.return", "broken")
    assert entry.before == {"status": "partially_returned", "returned_qty_by_line": {"1": 1}}
    assert entry.after == {
        "status": "partially_returned",
        "returned_qty_by_line": {"1": 3},
        "reference": body["reference"],
    }


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "Take back"}])
@pytest.mark.parametrize(
    "changed",
    [
        {"item": "3"},
        {"item": "-1"},
        {"item": "x"},
        {"item": "1.5"},
        {"item": "0"},
        {"item": ""},
        {"item": "1", "reason": ""},
        {"item": "1", "reference": ""},
        {"item": "1", "reference": "r" * 65},
        {"item": "1", "reference": "R\0"},
    ],
    ids=str,
)
def test_a_wrong_return_form_is_shown_again_and_takes_nothing(boss, changed, confirmed):
    order = make_order(line(2), status="delivered")
    item = order.items.get()
    sent = {"reference": "R-1", "reason": "broken"} | changed | confirmed
    sent[f"item_{item.pk}"] = sent.pop("item")
    response = boss.post(return_page(order), sent)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not OrderReturn.objects.exists()


def test_a_return_that_somebody_else_was_quicker_with_is_refused_in_words(boss):
    order = make_order(line(2), status="pending")
    item = order.items.get()
    sent = {"reference": "R-1", "reason": "broken", f"item_{item.pk}": "1", "confirmed": "Take back"}
    response = boss.post(return_page(order), sent, follow=True)
    assert said(response) == ["An order that is pending cannot be returned."]
    assert not AuditEntry.objects.exists()


# --- who may -----------------------------------------------------------------------------------------------


def test_who_may_only_look_sees_no_buttons_and_does_nothing(reader):
    order = make_order(line(2), status="delivered")
    item = order.items.get()
    text = reader.get(page_of(order)).content.decode()
    assert return_page(order) not in text
    sent = {"reference": "R-1", "reason": "x", f"item_{item.pk}": "1", "confirmed": "Take back"}
    assert reader.post(return_page(order), sent).status_code == 403
    shipped = make_order(status="shipped")
    assert reader.post(move_page(shipped, "delivered"), {"reason": "x"}).status_code == 403
    reader.post(LIST, {"action": "mark_delivered", "_selected_action": [shipped.pk]})
    assert (status(order), status(shipped)) == ("delivered", "shipped")


def test_who_is_not_signed_in_gets_the_login_page(client):
    order = make_order(status="shipped")
    response = client.post(move_page(order, "delivered"), {"reason": "x"})
    assert (response.status_code, response["Location"].startswith("/admin/login/")) == (302, True)
    assert status(order) == "shipped"


def test_an_order_that_is_not_there_is_404(boss):
    assert boss.get("/admin/orders/order/999/return/").status_code == 404
    assert boss.get("/admin/orders/order/999/move/paid/").status_code == 404
