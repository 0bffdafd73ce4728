"""The yardstick of checkout: it sends what the project sends, no more and no less."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from core.contracts import SYSTEM
from rewards.facade import adjust_points
from tests.accounts.factories import client_of, make_user
from tests.catalog.factories import make_product
from tests.orders.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def shape(sql: str) -> str:
    """A statement without its values, which differ between two calls, and without its layout."""
    sql = re.sub(r"\s+", " ", re.sub(r"'[^']*'(::timestamptz)?|\b\d+(\.\d+)?\b", "?", sql)).strip()
    return re.sub(r"\( | \)|, ", lambda found: found[0].strip(), sql)


@pytest.mark.parametrize("path", ["/api/v1/orders/quote/", "/api/v1/orders/"])
def test_the_views_by_hand_send_the_same_statements_and_give_the_same_answers(path):
    member = make_user()
    adjust_points(user_id=member.pk, points=1000, reason="For the test", key="1", actor=SYSTEM, at=NOON)
    products = [
        make_product("100.00", stock=50, stock_is_tracked=True),
        make_product("33.33", stock=50, stock_is_tracked=True),
        make_product("49.99"),
    ]
    body = {"lines": [{"product_id": one.pk, "qty": n} for n, one in enumerate(products, 1)], "points": 100}
    statements, answers = [], []
    for urls in ("config.urls", "bench.yardstick.urls"):
        with override_settings(ROOT_URLCONF=urls), CaptureQueriesContext(connection) as captured:
            answer = client_of(member).post(path, body)
        statements.append([shape(query["sql"]) for query in captured.captured_queries])
        answers.append({name: value for name, value in answer.json().items() if name != "quote_token"})
    assert statements[0] == statements[1]
    for one in answers:
        for moment in ("id", "number", "pay_by", "placed_at", "expires_at"):
            one.pop(moment, None)
        for line in one["lines"]:
            line.pop("id", None)
    assert answers[0] == answers[1]
    assert answers[0]["points_value"] == "10.00"
