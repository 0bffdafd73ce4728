"""The calls of the app: shapes, refusals, and what they cost in queries."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Category
from core.contracts import SYSTEM
from core.models import IdempotentResponse
from rewards.models import (
    EarningRule,
    LoyaltyTier,
    PointsTransaction,
    Programme,
    RedemptionOption,
    UserPoints,
    UserVoucher,
)
from rewards.services.adjustment import adjust_points
from rewards.services.redemption import redeem_option
from tests.rewards.conftest import client_of
from tests.rewards.ledger import (
    assert_clean_books,
    deliver_order,
    make_member,
    return_pieces,
    set_programme,
)

pytestmark = pytest.mark.django_db

GETS = [
    "rewards/balance/",
    "rewards/loyalty-status/",
    "rewards/earn-rules/",
    "rewards/redemption-options/",
    "rewards/vouchers/",
    "rewards/transactions/",
    "rewards/expiring/",
]


def redeem(client, option="voucher-10", offered=100, **headers):
    body = {"redemption_option_id": option, "points_to_redeem": offered}
    return client.post("/rewards/redeem/", body, format="json", headers=headers)


def opening(member, current=500, **fields):
    return UserPoints.objects.create(user=member, current_points=current, **fields)


def test_the_acceptance_case_a_row_made_by_hand_redeems(signed_in, member):
    UserPoints.objects.create(user=member, current_points=500)
    answer = redeem(signed_in)
    assert answer.status_code == 200
    body = answer.json()
    voucher = UserVoucher.objects.get()
    assert body == {
        "voucher": {
            "id": voucher.pk,
            "code": voucher.code,
            "type": "discount_voucher",
            "value": "10.00",
            "expires_at": timezone.localtime(voucher.expires_at).isoformat(),
        },
        "points_deducted": 100,
        "new_balance": 400,
    }
    assert voucher.pk[0] == "V"
    assert len(voucher.pk) == 17
    assert len(voucher.code) == 12
    assert timezone.localdate(voucher.expires_at) == timezone.localdate() + timedelta(days=31)
    assert_clean_books()


@pytest.mark.parametrize("path", GETS)
@pytest.mark.parametrize("root", ["/", "/api/v1/"])
def test_every_call_answers_at_both_roots_and_refuses_the_unknown(api, signed_in, root, path):
    assert signed_in.get(root + path).status_code == 200
    refused = api.get(root + path)
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["WWW-Authenticate"] == "Bearer"


def test_a_member_without_an_account_has_zeros_and_is_bronze(signed_in):
    assert signed_in.get("/rewards/balance/").json() == {
        "current_points": 0,
        "pending_points": 0,
        "lifetime_points": 0,
        "debt_points": 0,
        "points_expiring_soon": 0,
        "expiry_date": None,
    }
    assert signed_in.get("/rewards/loyalty-status/").json() == {
        "current_tier": "Bronze",
        "tier_benefits": ["Basic vouchers", "Standard support"],
        "next_tier": "Silver",
        "points_to_next_tier": 1000,
        "tier_progress": 0.0,
    }
    assert signed_in.get("/rewards/transactions/").json() == {"next": None, "previous": None, "results": []}
    assert signed_in.get("/rewards/vouchers/").json() == []
    assert signed_in.get("/rewards/expiring/").json() == []
    assert UserPoints.objects.count() == 0


def test_loyalty_status_at_the_top_has_nothing_above(signed_in, member):
    opening(member, 0, lifetime_points=15000)
    assert signed_in.get("/rewards/loyalty-status/").json() == {
        "current_tier": "Platinum",
        "tier_benefits": ["Premium perks", "Early access", "Personal shopper"],
        "next_tier": None,
        "points_to_next_tier": 0,
        "tier_progress": 1.0,
    }


@pytest.mark.parametrize(
    ("basis", "tier"), [("lifetime", "Silver"), ("rolling_year", "Bronze"), ("current", "Bronze")]
)
def test_the_programmes_basis_decides_the_tier(signed_in, member, basis, tier):
    set_programme(tier_basis=basis)
    long_ago = timezone.now() - timedelta(days=400)
    opening(member, 500, lifetime_points=1200, created_at=long_ago)
    assert signed_in.get("/rewards/loyalty-status/").json()["current_tier"] == tier


def test_the_balance_tells_what_expires_within_thirty_days_and_until_when(signed_in, member):
    set_programme(points_valid_months=1)
    now = timezone.now()
    deliver_order(member, 300, at=now - timedelta(days=20))
    deliver_order(member, 500, at=now - timedelta(days=5))
    found = signed_in.get("/rewards/balance/").json()
    lots = signed_in.get("/rewards/expiring/").json()
    assert (found["current_points"], found["points_expiring_soon"]) == (80, 80)
    assert found["expiry_date"] == lots[0]["date"]
    assert [lot["points"] for lot in lots] == [30, 50]


def test_earn_rules_are_the_active_ones(signed_in):
    EarningRule.objects.filter(rule_type="review").update(is_active=False)
    assert signed_in.get("/rewards/earn-rules/").json() == [
        {
            "name": "Purchase Points",
            "description": "1 point for every R10 spent",
            "rule_type": "purchase",
            "points_per_rand": "0.10",
            "points_amount": 0,
        },
        {
            "name": "Referral Bonus",
            "description": "For a friend who joins",
            "rule_type": "referral",
            "points_per_rand": "0.00",
            "points_amount": 500,
        },
    ]


def test_options_say_why_they_are_not_for_this_member(signed_in, member):
    opening(member, 60)
    found = signed_in.get("/rewards/redemption-options/").json()
    assert [(o["id"], o["available"], o["unavailable_reason"]) for o in found] == [
        ("free-shipping", True, None),
        ("voucher-10", False, "insufficient_points"),
        ("voucher-25", False, "tier_too_low"),
    ]
    assert found[1] == {
        "id": "voucher-10",
        "type": "discount_voucher",
        "name": "R10 Off Voucher",
        "description": "R10 off your next order",
        "points_required": 100,
        "value": "10.00",
        "category_id": None,
        "min_tier": "Bronze",
        "available": False,
        "unavailable_reason": "insufficient_points",
    }


@pytest.mark.parametrize(
    ("option", "offered", "balance", "error", "code"),
    [
        ("voucher-10", 100, 99, "Insufficient points", "insufficient_points"),
        ("voucher-10", 99, 500, "Points amount too low", "points_amount_too_low"),
        ("voucher-10", 0, 500, "Points amount too low", "points_amount_too_low"),
        ("no-such", 100, 500, "Invalid redemption option", "invalid_redemption_option"),
        ("retired", 100, 500, "Invalid redemption option", "invalid_redemption_option"),
        ("voucher-25", 250, 500, "Invalid redemption option", "invalid_redemption_option"),
    ],
)
def test_mistake_4_a_refused_redeem_changes_nothing(signed_in, member, option, offered, balance, error, code):
    RedemptionOption.objects.create(
        id="retired", type="discount_voucher", name="Retired", points_required=10, is_active=False
    )
    opening(member, balance)
    refused = redeem(signed_in, option, offered)
    assert refused.status_code == 400
    body = refused.json()
    assert (body["error"], body["code"]) == (error, code)
    assert {"redemption_option_id", "points_required"} & body.keys()
    assert UserVoucher.objects.count() == 0
    assert PointsTransaction.objects.count() == 1
    assert UserPoints.objects.get().current_points == balance


def test_the_surplus_of_the_points_offered_is_not_taken(signed_in, member):
    opening(member, 500)
    assert redeem(signed_in, offered=499).json()["points_deducted"] == 100
    assert UserPoints.objects.get().current_points == 400


def test_a_second_redeem_with_the_same_key_takes_nothing(signed_in, member):
    opening(member, 500)
    first = redeem(signed_in, **{"Idempotency-Key": "tap-1"})
    again = redeem(signed_in, **{"Idempotency-Key": "tap-1"})
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert redeem(signed_in, **{"Idempotency-Key": "tap-2"}).json()["new_balance"] == 300


def test_mistake_6_a_key_redeems_once_even_after_its_answer_was_forgotten(signed_in, member):
    opening(member, 500)
    first = redeem(signed_in, **{"Idempotency-Key": "tap-1"}).json()
    IdempotentResponse.objects.all().delete()
    again = redeem(signed_in, **{"Idempotency-Key": "tap-1"})
    assert again.status_code == 200
    assert again.json() == first
    assert UserVoucher.objects.count() == 1


def test_a_key_that_redeemed_one_option_redeems_no_other_however_late(signed_in, member):
    opening(member, 500)
    redeem(signed_in, "free-shipping", 50, **{"Idempotency-Key": "tap-1"})
    IdempotentResponse.objects.all().delete()
    refused = redeem(signed_in, "voucher-10", 100, **{"Idempotency-Key": "tap-1"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert UserPoints.objects.get().current_points == 450


def test_vouchers_are_the_members_own_with_their_status_by_the_clock(signed_in, member):
    opening(member, 500)
    redeem(signed_in)
    UserVoucher.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    redeem(signed_in)
    other = make_member()
    opening(other, 500)
    redeem(client_of(other))
    found = signed_in.get("/rewards/vouchers/").json()
    assert [voucher["status"] for voucher in found] == ["available", "expired"]
    assert [v["status"] for v in signed_in.get("/rewards/vouchers/?status=expired").json()] == ["expired"]
    assert [v["status"] for v in signed_in.get("/rewards/vouchers/?status=available").json()] == ["available"]
    refused = signed_in.get("/rewards/vouchers/?status=lost")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["status"])


def test_a_code_is_judged_without_being_used(signed_in, member):
    opening(member, 500)
    code = redeem(signed_in).json()["voucher"]["code"]

    def check(code, **total):
        answer = signed_in.post("/rewards/validate-voucher/", {"code": code, **total}, format="json")
        assert answer.status_code == 200
        return {key: answer.json()[key] for key in ("valid", "reason", "discount")}

    assert check(code) == {"valid": True, "reason": None, "discount": "10.00"}
    assert check(f" {code.lower()} ", order_total="7.50") == {
        "valid": True,
        "reason": None,
        "discount": "7.50",
    }
    assert check("NOSUCHCODE22") == {"valid": False, "reason": "not_found", "discount": None}
    UserVoucher.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert check(code)["reason"] == "expired"
    assert UserVoucher.objects.get().status == "available"


def test_a_category_discount_is_a_percentage(signed_in, member):
    opening(member, 500)
    category = Category.objects.create(name="Lanterns", slug="lanterns")
    RedemptionOption.objects.create(
        id="lanterns-15",
        type="category_discount",
        name="15 % off lanterns",
        points_required=50,
        value=15,
        category=category,
    )
    code = redeem(signed_in, "lanterns-15").json()["voucher"]["code"]
    body = {"code": code, "order_total": "99.90"}
    assert signed_in.post("/rewards/validate-voucher/", body, format="json").json()["discount"] == "14.99"


def test_mistake_23_anothers_voucher_and_line_are_not_there(signed_in, member):
    other = make_member()
    opening(other, 500)
    code = redeem(client_of(other)).json()["voucher"]["code"]
    answer = signed_in.post("/rewards/validate-voucher/", {"code": code}, format="json").json()
    assert (answer["valid"], answer["reason"], answer["voucher"]) == (False, "not_found", None)
    theirs = PointsTransaction.objects.filter(user=other).latest("id").pk
    assert client_of(other).get(f"/rewards/transactions/{theirs}/").status_code == 200
    assert signed_in.get(f"/rewards/transactions/{theirs}/").status_code == 404
    assert signed_in.get("/rewards/transactions/999999999999999999999/").status_code == 404
    assert signed_in.get("/rewards/transactions/").json()["results"] == []


def test_a_line_says_why_it_is_there(signed_in, member):
    at = timezone.now().replace(year=2026, month=3, day=2)
    order = deliver_order(member, "139.12", at=at, qty=4)
    return_pieces(order, 1, at=at + timedelta(days=1))
    reversal, earn = signed_in.get("/rewards/transactions/").json()["results"]
    assert (earn["points"], earn["order_id"], earn["order_number"]) == (13, order.pk, order.number)
    told = signed_in.get(f"/rewards/transactions/{earn['id']}/").json()["why"]
    rule = EarningRule.objects.get(rule_type="purchase")
    assert told["rule"] == {
        "id": rule.pk,
        "name": "Purchase Points",
        "type": "purchase",
        "version": 1,
        "points_per_rand": "0.10",
        "points_amount": 0,
    }
    assert (told["basis"], told["arithmetic"]) == ("139.12", "R139.12 × 0.1 = 13.912, rounded down 13")
    assert (told["lot"]["points"], told["lot"]["remaining"], told["lot"]["reversed"]) == (13, 10, 3)
    assert told["sentence"] == (
        f"13 points were earned on 2 March 2026 for order {order.number}: R139.12 at 0.1 points per rand by "
        "the rule Purchase Points (version 1), rounded down. Of them: 3 taken back, 10 left to spend until "
        "2 March 2028."
    )
    why = signed_in.get(f"/rewards/transactions/{reversal['id']}/").json()["why"]
    assert why["arithmetic"] == (
        "R104.34 × 0.1 = 10.434, rounded down 10; 13 earned − 10 for what was kept = 3"
    )
    assert why["related_transaction_id"] == earn["id"]
    assert why["sentence"] == (
        f"3 points were taken back on 3 March 2026 because of a return of order {order.number}: R104.34 of "
        "R139.12 was kept, which earns 10 of the 13 points."
    )


def test_a_spend_says_from_which_points_it_was_taken_and_a_debt_says_so(signed_in, member):
    at = timezone.now()
    order = deliver_order(member, 1500, at=at)
    redeem(signed_in)
    return_pieces(order, 1, at=timezone.now())
    lines = signed_in.get("/rewards/transactions/").json()["results"]
    reversal, spend = (
        signed_in.get(f"/rewards/transactions/{line['id']}/").json()["why"] for line in lines[:2]
    )
    assert [(source["points"], source["transaction_id"]) for source in spend["sources"]] == [
        (100, lines[2]["id"])
    ]
    assert reversal["became_debt"] == 100
    assert "100 of them were no longer there and are owed" in reversal["sentence"]


def why_of(client, line):
    return client.get(f"/rewards/transactions/{line.pk}/").json()["why"]


def test_a_lots_story_agrees_with_the_balance_before_any_job_has_run(signed_in, member):
    set_programme(hold_days=5)
    now = timezone.now()
    adjust_points(
        user_id=member.pk, points=-30, reason="r", key="k", actor=SYSTEM, at=now - timedelta(days=10)
    )
    deliver_order(member, 1000, at=now - timedelta(days=9))
    lot = why_of(signed_in, PointsTransaction.objects.get(transaction_type="earned"))["lot"]
    assert (lot["remaining"], lot["repaid_debt"]) == (70, 30)
    assert signed_in.get("/rewards/balance/").json()["current_points"] == 70


def test_an_opening_debt_is_called_one(signed_in, member):
    UserPoints.objects.create(user=member, debt_points=30)
    why = why_of(signed_in, PointsTransaction.objects.get())
    assert "30 points were the opening debt" in why["sentence"]
    assert "no longer there" not in why["sentence"]


def test_history_is_filtered_by_type_and_time(signed_in, member):
    now = timezone.now()
    order = deliver_order(member, 1500, at=now - timedelta(days=3))
    return_pieces(order, 1, at=now - timedelta(days=1))
    results = signed_in.get("/rewards/transactions/?type=earned").json()["results"]
    assert [line["transaction_type"] for line in results] == ["earned"]
    since = (now - timedelta(days=2)).isoformat()
    after = signed_in.get("/rewards/transactions/", {"since": since}).json()["results"]
    before = signed_in.get("/rewards/transactions/", {"before": since}).json()["results"]
    assert [line["points"] for line in after + before] == [-150, 150]


def test_history_pages_hold_every_line_once(signed_in, member):
    for _ in range(5):
        deliver_order(member, 100, at=timezone.now())
    seen, url = [], "/rewards/transactions/?limit=2"
    while url:
        page = signed_in.get(url).json()
        seen += [line["id"] for line in page["results"]]
        url = page["next"]
    assert seen == sorted(PointsTransaction.objects.values_list("pk", flat=True), reverse=True)


# --- what the calls cost


def queries(client, path):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_balance_costs_one_query_beyond_the_users(signed_in, member):
    opening(member, 500)
    with CaptureQueriesContext(connection) as captured:
        signed_in.get("/rewards/balance/")
    assert [("users" in query["sql"], "user_points" in query["sql"]) for query in captured] == [
        (True, False),
        (False, True),
    ]


def test_the_balance_as_of_a_time_costs_one_query_beyond_the_users(signed_in, member):
    opening(member, 500)
    assert queries(signed_in, "/rewards/balance/?as_of=2030-01-01") == 2


@pytest.mark.parametrize(
    ("path", "cost"),
    [
        ("/rewards/vouchers/", 2),
        ("/rewards/transactions/", 2),
        ("/rewards/expiring/", 2),
        ("/rewards/earn-rules/", 2),
        ("/rewards/redemption-options/", 4),
        ("/rewards/loyalty-status/", 3),
    ],
)
def test_a_list_costs_the_same_for_one_row_and_for_fifty(signed_in, member, path, cost):
    now = timezone.now()

    def fill(rows):
        UserVoucher.objects.bulk_create(
            UserVoucher(user=member, code=f"C{rows}{n}", type="discount_voucher", value=10, expires_at=now)
            for n in range(rows)
        )
        for n in range(rows):
            deliver_order(member, 100, at=now - timedelta(days=n))
            RedemptionOption.objects.create(
                id=f"o{rows}-{n}",
                type="discount_voucher",
                name="Option",
                points_required=n + 1,
                min_tier=LoyaltyTier.objects.get(name="Silver"),
            )

    fill(1)
    assert queries(signed_in, path) == cost
    fill(49)
    assert queries(signed_in, path) == cost


def test_a_redeem_costs_eight_statements(signed_in, member):
    set_programme(points_valid_months=1)
    for n in range(3):
        deliver_order(member, 500, at=timezone.now() - timedelta(days=n))
    with CaptureQueriesContext(connection) as captured:
        assert redeem(signed_in).status_code == 200
    # The test's own transaction makes BEGIN and COMMIT a savepoint and its release: counted all the same.
    assert len(captured) == 8


def test_numbers_in_answers_are_exact(signed_in, member):
    opening(member, 2**53 + 1)
    assert signed_in.get("/rewards/balance/").json()["current_points"] == 2**53 + 1


def test_a_voucher_lasts_as_long_as_the_programme_says(member):
    Programme.objects.update(voucher_valid_days=3)
    opening(member, 500)
    at = timezone.now()
    voucher = redeem_option(user_id=member.pk, option_id="voucher-10", offered=100, at=at).voucher
    assert timezone.localdate(voucher.expires_at) == timezone.localdate(at) + timedelta(days=4)
    assert voucher.value == Decimal("10.00")
