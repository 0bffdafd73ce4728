import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import outbox
from core.models import AuditEntry
from orders.shop_models import WaitingReturn
from tests.accounts.factories import make_user
from tests.orders.telling import give_back, put, sold, told

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/waitingreturn/"


@pytest.fixture
def boss(client):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def reader(client):
    """Staff who may only look at waiting returns."""
    user = make_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_waitingreturn"))
    client.force_login(user)
    return client


@pytest.fixture
def stuck():
    give_back("1", {"A": 9})
    put(told("1", sold("A", 2), status="delivered"))
    assert outbox.drain(5)
    return WaitingReturn.objects.get()


def retry(client, row):
    return client.post(LIST, {"action": "retry", "_selected_action": [row.pk]}, follow=True)


def test_staff_see_what_waits_and_why_it_could_not_be_applied(reader, stuck):
    give_back("2", None)
    page = reader.get(LIST).content.decode()
    assert "return_beyond_bought: 9 asked, 2 left." in page
    assert "waits for its order" in page
    assert reader.get(f"{LIST}{stuck.pk}/change/").status_code == 200
    assert reader.get(f"{LIST}add/").status_code == 403


def test_an_impossible_one_is_tried_again_and_the_trail_says_by_whom(boss, stuck):
    answer = retry(boss, stuck)
    assert [str(message) for message in answer.context["messages"]] == ["1 of 1 will be tried again."]
    assert AuditEntry.objects.get(action="waiting_return.retry").actor == "staff:boss"


def test_who_may_only_look_cannot_try_again(reader, stuck):
    retry(reader, stuck)
    stuck.refresh_from_db()
    assert stuck.error
    assert not AuditEntry.objects.filter(action="waiting_return.retry").exists()


def test_the_list_costs_the_same_for_one_and_ten(boss, stuck):
    counts = []
    boss.get(LIST)
    for more in (0, 9):
        for n in range(more):
            give_back(f"x{n}", None)
        with CaptureQueriesContext(connection) as queries:
            boss.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]
