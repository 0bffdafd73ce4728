"""The yardsticks of balance and redeem: they send what the project sends, no more and no less."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from core.contracts import SYSTEM
from rewards.facade import adjust_points
from tests.accounts.factories import client_of, make_user
from tests.bench.test_checkout_yardstick import shape
from tests.orders.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)

BALANCE = "/api/v1/rewards/balance/"
REDEEM = "/api/v1/rewards/redeem/"


@pytest.fixture
def member():
    member = make_user()
    adjust_points(user_id=member.pk, points=1000, reason="For the test", key="1", actor=SYSTEM, at=NOON)
    return member


def both(member, method, path, body=None):
    """Call ours and the one by hand; return the statements and the answers of each."""
    statements, answers = [], []
    for urls in ("config.urls", "bench.yardstick.urls"):
        with override_settings(ROOT_URLCONF=urls), CaptureQueriesContext(connection) as captured:
            response = getattr(client_of(member), method)(path, body)
        statements.append([shape(query["sql"]) for query in captured.captured_queries])
        answers.append((response.status_code, response["Content-Type"], response.json()))
    return statements, answers


@pytest.mark.parametrize("points", [0, 1000])
def test_a_balance_by_hand_is_the_same_statements_and_the_same_answer(member, points):
    caller = member if points else make_user()
    statements, answers = both(caller, "get", BALANCE)
    assert statements[0] == statements[1]
    assert len(statements[0]) == 2
    assert answers[0] == answers[1]
    assert answers[0][2]["current_points"] == points


def test_a_redeem_by_hand_is_the_same_statements_and_the_same_answer(member):
    statements, answers = both(
        member, "post", REDEEM, {"redemption_option_id": "voucher-10", "points_to_redeem": 100}
    )
    assert statements[0] == statements[1]
    assert len(statements[0]) == 8  # the caller, BEGIN, account, lots, terms, voucher, posting, COMMIT
    assert [body.pop("new_balance") for _, _, body in answers] == [900, 800]
    for _, _, body in answers:
        assert len(body["voucher"].pop("id")) == 17
        assert len(body["voucher"].pop("code")) == 12
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
