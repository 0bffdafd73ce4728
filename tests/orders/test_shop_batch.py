"""The benchmark of batches at a size for every day: the same orders, the same exact totals."""

import pytest
from django.db import connections

from bench.shop_batch import SHOP, judge, make_orders, send_twice
from core import outbox
from tests.accounts.keys import shop_client

pytestmark = pytest.mark.django_db(transaction=True)


def test_6_orders_sent_twice_shuffled_and_partly_malformed_end_at_exact_totals():
    till = shop_client("orders:write", shop=SHOP)
    orders = make_orders(1200, tag="t")

    def post(body):
        try:
            return till.post("/api/v1/shop/orders/batch/", body).json()
        finally:
            connections.close_all()  # it runs in a thread of the benchmark's

    tally, _ = send_twice(orders, lambda: post, batch=100, connections=1)
    assert outbox.drain(60)
    assert judge(orders, tally, tag="t") == []
    malformed = [sent for sent in orders if sent.problem]
    assert 40 < len(malformed) < 80
    assert set(tally.reasons) == {sent.problem for sent in malformed}
    assert len(tally.reasons) == 11
