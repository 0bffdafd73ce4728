"""The proof under faults: a short run of it, and that its judge sees what it must."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bench.faults.judge import Judge, State
from bench.faults.plan import LASTING, Fault, Kind, planned
from bench.faults.record import BROKEN, Op, Record, read
from bench.faults.report import Suffered, again_after, faults_table, outcomes_table
from bench.faults.shop import Member, Setup, Stocked
from bench.services import PROJECT

MEMBER = Member(id=1, external_id="m1", token="t", points=500)


def test_a_short_run_suffers_every_fault_and_nothing_is_lost_or_doubled():
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
    }
    environment["DATA_DIR"] = str(Path(os.environ["DATA_DIR"]).parent)
    command = [sys.executable, "-W", "ignore", "-m", "bench.faults", "--quick", "--seconds=14", "--seed=test"]
    ran = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Nothing was lost, nothing doubled, every point is as reckoned." in ran.stdout
    assert re.search(r"audit_ledger: .*; clean", ran.stdout)
    happened = set(re.findall(r"^ +[0-9.]+ s  (.*)$", ran.stdout, re.MULTILINE))
    # The importer may be through before its turn comes; everything else is always there to be harmed.
    assert set(Kind) - happened <= {Kind.IMPORTER_KILLED}, ran.stdout
    answered = re.search(r"^  all +([0-9,]+) +([0-9,]+) +([0-9,]+)", ran.stdout, re.MULTILINE)
    assert answered is not None
    assert int(answered[3].replace(",", "")) > 50, ran.stdout


# --- the plan


def test_a_seed_plans_the_same_faults_and_another_one_others():
    plans = [planned(seed, seconds=120, gap=(1.0, 3.5), pause=(0.5, 3.0)) for seed in ("a", "a", "b")]
    assert plans[0] == plans[1] != plans[2]
    assert {fault.kind for fault in plans[0]} == set(Kind)
    assert all((fault.seconds > 0) == (fault.kind in LASTING) for fault in plans[0])
    for fault, following in zip(plans[0], plans[0][1:], strict=False):
        assert fault.at + fault.seconds + 1.0 <= following.at + 0.01
    assert plans[0][-1].at + plans[0][-1].seconds <= 120


def test_the_plan_of_the_short_run_has_every_kind():
    plan = planned("test", seconds=14, gap=(0.3, 0.9), pause=(0.3, 1.0))
    assert {fault.kind for fault in plan} == set(Kind)


# --- the record


@pytest.fixture
def record(tmp_path):
    made = Record(tmp_path / "record.jsonl")
    yield made
    made.close()


def test_what_was_sent_and_never_answered_is_in_the_record(record, tmp_path):
    op = record.plan("redeem", "POST", "/redeem/", {"n": 1}, caller="member", key="k", member=1, cost=100)
    broken = record.send(op)
    broken.outcome = BROKEN
    record.answer(op, broken)
    record.send(op)
    (found,) = read(tmp_path / "record.jsonl")  # not closed: as after our own death
    assert [attempt.outcome for attempt in found.attempts] == [BROKEN, None]
    assert (found.body, found.key, found.facts) == ({"n": 1}, "k", {"member": 1, "cost": 100})
    assert (found.done, found.may_be_done) == (None, True)


# --- the judge

NOTHING = {
    name: []
    for name in [
        "orders",
        "items",
        "steps",
        "returns",
        "waiting",
        "asked",
        "lines",
        "vouchers",
        "accounts",
        "stock",
        "outbox",
    ]
}


def answered(record, op, outcome, answer=None, **more):
    attempt = record.send(op)
    attempt.outcome, attempt.answer = outcome, answer
    for name, value in more.items():
        setattr(attempt, name, value)
    record.answer(op, attempt)


def entry(pk, key, points, kind="redeemed", voucher=None, order=None):
    return {
        "id": pk,
        "user_id": 1,
        "natural_key": key,
        "points": points,
        "transaction_type": kind,
        "voucher_id": voucher,
        "order_id": order,
    }


def voucher(pk, status="available", order=None):
    return {"id": pk, "user_id": 1, "code": f"C{pk}", "status": status, "order_id": order}


START = entry(1, "adjust:start", 500, "adjusted")


def judged(record, *, balance, products=(), **rows):
    account = {"user_id": 1, "current_points": balance, "pending_points": 0, "debt_points": 0}
    state = State({**NOTHING, "accounts": [account], **rows})
    setup = Setup([MEMBER], [], list(products), "key", "other")
    return [finding.what for finding in Judge(read(record.path), state, setup, []).findings()]


def redeem(record, key="k") -> Op:
    return record.plan("redeem", "POST", "/", {}, caller="member", key=key, member=1, cost=100)


REDEEMED = {"voucher": {"id": "V1", "code": "CV1"}}


def test_a_redeem_that_was_answered_and_is_there_once_is_right(record):
    answered(record, redeem(record), 200, REDEEMED)
    lines = [START, entry(2, "redeem:k", -100, voucher="V1")]
    assert judged(record, balance=400, lines=lines, vouchers=[voucher("V1")]) == []


def test_a_redeem_that_was_answered_and_is_not_there_is_found(record):
    answered(record, redeem(record), 200, REDEEMED)
    assert judged(record, balance=500, lines=[START]) == [
        "a redeem was answered and is in the ledger 0 times"
    ]


@pytest.mark.parametrize("outcome", [BROKEN, 200])
def test_a_redeem_that_is_there_twice_is_found(record, outcome):
    answered(record, redeem(record), outcome, REDEEMED if outcome == 200 else None)
    lines = [START, entry(2, "redeem:k", -100, voucher="V1"), entry(3, "redeem:k", -100, voucher="V2")]
    found = judged(record, balance=300, lines=lines, vouchers=[voucher("V1"), voucher("V2")])
    assert found[0] in (
        "a redeem is in the ledger 2 times",
        "a redeem was answered and is in the ledger 2 times",
    )


def test_the_same_redeem_under_another_name_is_found(record):
    """As when the natural key no longer came from the header."""
    answered(record, redeem(record), BROKEN)
    answered(record, redeem(record, "k2"), 200, REDEEMED)
    lines = [
        START,
        entry(2, "redeem:k2", -100, voucher="V1"),
        entry(3, "voucher:V2:redeem", -100, voucher="V2"),
    ]
    assert "a voucher that nobody asked for" in judged(
        record, balance=300, lines=lines, vouchers=[voucher("V1"), voucher("V2")]
    )


def test_a_redeem_without_a_key_may_be_there_once_when_nobody_knows(record):
    answered(record, redeem(record, None), BROKEN)
    assert judged(record, balance=500, lines=[START]) == []
    lines = [START, entry(2, "voucher:V1:redeem", -100, voucher="V1")]
    assert judged(record, balance=400, lines=lines, vouchers=[voucher("V1")]) == []
    lines.append(entry(3, "voucher:V2:redeem", -100, voucher="V2"))
    assert "a voucher that nobody asked for" in judged(
        record, balance=300, lines=lines, vouchers=[voucher("V1"), voucher("V2")]
    )


def test_a_refused_redeem_that_took_points_is_found(record):
    answered(record, redeem(record), 400, {"code": "insufficient_points"})
    lines = [START, entry(2, "redeem:k", -100, voucher="V1")]
    assert judged(record, balance=400, lines=lines, vouchers=[voucher("V1")]) == [
        "a redeem is in the ledger 1 times"
    ]


@pytest.mark.parametrize(
    ("outcome", "more", "right"),
    [
        (503, {"content_type": "application/problem+json", "retry_after": "2"}, True),
        (503, {"content_type": "application/problem+json", "retry_after": None}, False),
        (503, {"content_type": "text/html", "retry_after": "2"}, False),
        (500, {"content_type": "application/problem+json", "retry_after": "2"}, False),
    ],
)
def test_of_the_5xx_only_a_503_problem_with_retry_after_is_right(record, outcome, more, right):
    answered(record, redeem(record), outcome, **more)
    expected = [] if right else ["an answer is a 5xx and no 503 problem with Retry-After"]
    assert judged(record, balance=500, lines=[START]) == expected


def test_one_key_that_is_answered_in_two_ways_is_found(record):
    op = redeem(record)
    answered(record, op, 200, REDEEMED)
    answered(record, op, 200, {"voucher": {"id": "V1", "code": "other"}})
    lines = [START, entry(2, "redeem:k", -100, voucher="V1")]
    assert judged(record, balance=400, lines=lines, vouchers=[voucher("V1")]) == [
        "the same key was answered in two ways"
    ]


def order(pk, **more):
    return {
        "id": pk,
        "shop": "markethub",
        "number": f"N{pk}",
        "user_id": 1,
        "status": "paid",
        "placed_key": f"key:o{pk}",
        "voucher_code": "",
        "points_used": 0,
        "tax_included": True,
        **{name: Decimal("0.00") for name in ("discount", "shipping", "points_value")},
        "subtotal": Decimal("107.00"),
        "total": Decimal("107.00"),
        "delivered_at": None,
        **more,
    }


def item(pk, order_id, **more):
    return {
        "id": pk,
        "order_id": order_id,
        "product_id": 9,
        "qty": 2,
        "unit_price": Decimal("53.50"),
        "discount": Decimal(0),
        "points_value": Decimal(0),
        "tax": Decimal(0),
        "returned_qty": 0,
        "stock_taken": True,
        "sku": "S",
        **more,
    }


def made(record, pk, voucher_code=""):
    wanted = {"lines": [{"product_id": 9, "qty": 2}]} | (
        {"voucher_code": voucher_code} if voucher_code else {}
    )
    op = record.plan("order", "POST", "/", wanted, caller="member", key=f"o{pk}", member=1, wanted=wanted)
    sums = {
        "subtotal": "107.00",
        "discount": "0.00",
        "shipping": "0.00",
        "total": "107.00",
        "points_value": "0.00",
    }
    answered(record, op, 201, {"id": pk, **sums})


PRODUCT = Stocked(id=9, price=Decimal("53.50"), stock=10)


def test_points_of_a_delivered_order_are_reckoned_from_what_was_kept(record):
    made(record, 7)
    rows = {
        "orders": [order(7, status="partially_returned", delivered_at="then")],
        "items": [item(70, 7, returned_qty=1)],
        "returns": [],
        "stock": [{"id": 9, "stock": 8}],
    }
    lines = [
        START,
        entry(2, "order:7:purchase", 10, "earned", order=7),
        entry(3, "keeps", -5, "reversed", order=7),
    ]
    returned = {"id": 1, "order_id": 7, "reference": "R", "item_id": 70, "qty": 1}
    give_back = record.plan(
        "return", "POST", "/", {"return_id": "R"}, caller="shop", shop="markethub", number="N7"
    )
    answered(record, give_back, 201)
    right = {**rows, "returns": [returned]}
    assert judged(record, balance=505, products=[PRODUCT], lines=lines, **right) == []
    assert judged(record, balance=510, products=[PRODUCT], lines=lines[:2], **right) == [
        "order N7 earns 5, and the ledger has 10",
        "a member must have 505 points and has 510",
    ]
    assert "returned pieces of order N7 don't add up: lines [70]" in judged(
        record, balance=505, products=[PRODUCT], lines=lines, **rows
    )


def test_a_voucher_in_two_orders_and_stock_that_is_gone_are_found(record):
    made(record, 7, "CV1")
    made(record, 8, "CV1")
    answered(record, redeem(record), 200, REDEEMED)
    lines = [START, entry(2, "redeem:k", -100, voucher="V1")]
    rows = {
        "lines": lines,
        "vouchers": [voucher("V1", "used", order=7)],
        "items": [item(70, 7), item(80, 8)],
        "orders": [order(7, voucher_code="CV1"), order(8, voucher_code="CV1")],
    }
    both = judged(record, balance=400, products=[PRODUCT], stock=[{"id": 9, "stock": 5}], **rows)
    assert both == [
        "voucher CV1 is used, in orders [7, 8]",
        "of product 9 10 were there, 4 are taken, and 5 are left",
    ]
    rows["orders"][1]["status"] = "cancelled"
    assert judged(record, balance=400, products=[PRODUCT], stock=[{"id": 9, "stock": 8}], **rows) == []


def test_a_lost_order_a_second_one_and_a_message_that_is_left_are_found(record):
    made(record, 7)
    second = replace(PRODUCT, stock=None)
    rows = {"items": [item(80, 8)], "outbox": [{"id": 1, "died_at": None}]}
    assert judged(
        record, balance=500, products=[second], lines=[START], orders=[order(8, placed_key="")], **rows
    ) == [
        "an order was answered and is not there, or answered to two requests",
        "an order that nobody asked for",
        "a message is not delivered",
    ]


def test_a_ledger_line_that_nothing_accounts_for_is_found(record):
    lines = [START, entry(2, "voucher:V9:redeem", -100, voucher="V9")]
    assert judged(record, balance=400, lines=lines) == [
        "a ledger line that nothing accounts for",
        "a member must have 500 points and has 400",
    ]


# --- the report


def test_a_recovery_is_counted_from_the_end_of_a_fault_to_the_end_of_what_was_begun_after_it():
    fault = Suffered(Fault(1.0, Kind.REDIS_PAUSED, 2.0, 0), began=10.0, ended=12.0)
    assert again_after(fault, [(9.0, 9.5), (11.9, 13.0), (12.5, 14.25), (15.0, 15.1)]) == 2.25
    assert again_after(fault, [(11.0, 13.0)]) is None
    shown = faults_table([fault], [(12.0, 12.5)], [])
    assert shown.splitlines()[1].split() == ["10.0s", "Redis", "paused", "2.0", "s", "0.5", "s", "never"]


def test_outcomes_are_counted_by_request_and_refusals_by_code(record):
    op = redeem(record)
    answered(record, op, BROKEN)
    answered(record, op, 503)
    answered(record, op, 409, {"code": "still_running"})
    answered(record, op, 200, REDEEMED)
    answered(record, op, 200, REDEEMED, replayed=True)
    answered(record, redeem(record, "k2"), 400, {"code": "insufficient_points"})
    table = outcomes_table(read(record.path)).splitlines()
    assert table[1].split()[:-2] == ["redeem", "2", "6", "2", "1", "2", "1", "0", "1", "0"]
    assert table[-1] == "  refusals: 409 still_running 1, 400 insufficient_points 1"
