import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import AuditEntry
from rewards.models import PointsTransaction, UserPoints
from tests.accounts.keys import shop_client
from tests.concurrency import together
from tests.rewards.ledger import assert_clean_books, make_member

pytestmark = pytest.mark.django_db

PATH = "/api/v1/shop/members/C-77/points/"


@pytest.fixture
def till():
    return shop_client("members:read", "points:write", shop="corner")


@pytest.fixture
def member(db):
    member = make_member(external_id="C-77")
    UserPoints.objects.create(user=member, current_points=1200)
    return member


def adjust(client, points=25, key="case-1", reason="Late delivery", **changes):
    return client.post(PATH, {"points": points, "key": key, "reason": reason} | changes)


def test_a_member_has_points_and_a_tier(till, member, django_assert_num_queries):
    till.get("/api/v1/shop/members/C-77/")
    with django_assert_num_queries(5):
        answer = till.get("/api/v1/shop/members/C-77/")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "external_id": "C-77",
            "current_points": 1200,
            "pending_points": 0,
            "lifetime_points": 1200,
            "debt_points": 0,
            "points_expiring_soon": 0,
            "expiry_date": None,
            "current_tier": "Silver",
            "tier_benefits": ["Enhanced redemption rates", "Priority support"],
            "next_tier": "Gold",
            "points_to_next_tier": 3800,
            "tier_progress": 0.24,
        },
    )


def test_23_who_has_no_external_id_is_nobody_here(till):
    nameless = make_member()
    for external_id in ("C-78", nameless.pk, "None", "%00", "a%00b", "%20"):
        for answer in (
            till.get(f"/api/v1/shop/members/{external_id}/"),
            till.post(
                f"/api/v1/shop/members/{external_id}/points/", {"points": 1, "reason": "r", "key": "k"}
            ),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), external_id
    assert not PointsTransaction.objects.exists()


def test_points_are_added_and_the_trail_names_the_key(till, member):
    answer = adjust(till)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "external_id": "C-77",
            "key": "case-1",
            "points": 25,
            "current_points": 1225,
            "debt_points": 0,
            "lifetime_points": 1225,
        },
    )
    line = PointsTransaction.objects.get(points=25)
    assert (line.natural_key, line.transaction_type) == ("adjust:corner:case-1", "adjusted")
    entry = AuditEntry.objects.get(action="points.adjust")
    assert entry.actor.startswith("key:")
    assert (entry.reason, entry.after["points"]) == ("Late delivery", 25)
    assert_clean_books()


def test_what_is_taken_beyond_the_balance_is_owed(till, member):
    answer = adjust(till, points=-1300)
    assert (answer.json()["current_points"], answer.json()["debt_points"]) == (0, 100)
    assert_clean_books()


def test_5_a_key_adjusts_once_for_ever_and_belongs_to_its_amount(till, member):
    first, second = adjust(till), adjust(till, reason="Again")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    other = adjust(till, points=26)
    assert (other.status_code, other.json()["code"]) == (409, "adjustment_key_reused")
    assert UserPoints.objects.get().current_points == 1225
    assert AuditEntry.objects.filter(action="points.adjust").count() == 1


def test_two_shops_have_their_own_keys(till, member):
    adjust(till)
    adjust(shop_client("points:write", shop="market"), points=7)
    assert UserPoints.objects.get().current_points == 1232


def test_the_header_replays_the_answer(till, member):
    def send(points):
        body = {"points": points, "key": "k", "reason": "r"}
        return till.post(PATH, body, headers={"Idempotency-Key": "h"})

    first = send(5)
    adjust(till, key="between")
    again = send(5)
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert send(6).status_code == 422


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"points": 0}, "adjustment_out_of_range", None),
        ({"points": 10**10}, "invalid", "points"),
        ({"points": "1.5"}, "invalid", "points"),
        ({"points": None}, "invalid", "points"),
        ({"reason": " "}, "invalid", "reason"),
        ({"reason": None}, "invalid", "reason"),
        ({"key": ""}, "invalid", "key"),
        ({"key": "a b"}, "invalid", "key"),
        ({"key": "x" * 101}, "invalid", "key"),
        ({"key": 7}, "invalid", "key"),
        ({"key": None}, "invalid", "key"),
    ],
)
def test_bad_input_is_a_400_and_changes_nothing(till, member, changes, code, field):
    answer = adjust(till, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(answer.json().get("errors", {})) == ([field] if field else [])
    assert UserPoints.objects.get().current_points == 1200


def test_only_keys_with_the_scope_get_in(api, member):
    for client, statuses in (
        (api, (401, 401)),
        (shop_client("members:read", shop="corner"), (200, 403)),
        (shop_client("points:write", shop="corner"), (403, 200)),
        (shop_client("orders:write", shop="corner"), (403, 403)),
        (shop_client("members:read", "points:write", shop=None), (200, 403)),
    ):
        assert (client.get("/api/v1/shop/members/C-77/").status_code, adjust(client).status_code) == statuses


def test_adjusting_costs_the_same_statements_every_time(till, member):
    adjust(till, key="warm")
    counts = []
    for n in range(2):
        with CaptureQueriesContext(connection) as queries:
            adjust(till, key=f"k{n}")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_5_one_adjustment_twenty_times_at_once_is_one():
    member = make_member(external_id="C-77")
    UserPoints.objects.create(user=member, current_points=1200)
    clients = [shop_client("points:write", shop="corner") for _ in range(20)]
    answers = together(*[lambda client=client: adjust(client) for client in clients])
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert UserPoints.objects.get().current_points == 1225
    assert_clean_books()


def test_an_id_of_a_hundred_letters_of_any_script_has_its_retries_too(till, member):
    member.external_id = "\N{GRINNING FACE}" * 100
    member.save(update_fields=["external_id"])
    path, headers = f"/api/v1/shop/members/{member.external_id}/points/", {"Idempotency-Key": "a"}
    body = {"points": 25, "key": "case-1", "reason": "Late delivery"}
    answers = [till.post(path, body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert UserPoints.objects.get().current_points == 1225
