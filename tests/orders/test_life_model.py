"""Every way through an order's life, by whoever may try: allowed or refused, and the books stay clean."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog.models import Product
from core.contracts import SYSTEM, Actor
from core.errors import DomainError
from orders.models import Order
from orders.services.cancelling import cancel_own_order, cancel_unpaid
from orders.services.payment import pay_order
from orders.services.return_requests import accept_return_request, request_return
from orders.services.returns import return_lines, return_rest
from orders.services.staff import move_order_by_hand
from orders.services.steps import move_order
from rewards.models import UserPoints, UserVoucher
from rewards.selectors.audit import audit_ledger
from rewards.services.earning import accrue_orders
from tests.catalog.factories import make_product
from tests.orders.shop import AT, D, member, order, stocked, terms, voucher

SHOP, ADMIN = Actor("key:shop"), Actor("staff:clerk")
START = 500
STOCK = 20
POINTS = 100
PIECES = 3

actors = st.sampled_from(["member", "shop", "admin"])
goods = st.integers(0, 1)
minutes = st.integers(0, 40)


class OrderLife(RuleBasedStateMachine):
    """A model of one order of two lines, three pieces each, paid in part by a voucher and 100 points."""

    def __init__(self):
        super().__init__()
        self.atom = transaction.atomic()
        self.atom.__enter__()
        terms(shipping_fee=D("60.00"), vat_rate=D("15.00"))
        self.user = member(points=START)
        self.counted, self.other = stocked(STOCK, "33.33"), make_product("50.00")
        self.code = voucher(self.user, "10.00")
        made = order(self.user, (self.counted, PIECES), (self.other, PIECES), code=self.code, points=POINTS)
        self.order_id, self.items = made.order.pk, [item.pk for item in made.items]
        self.now = AT
        self.status, self.left, self.number = "pending", [PIECES, PIECES], 0

    def teardown(self):
        transaction.set_rollback(True)
        self.atom.__exit__(None, None, None)

    def attempt(self, allowed, call):
        """Do it; it must be refused with a 4xx exactly where the model says so, and then change nothing."""
        refused = None
        try:
            with transaction.atomic():
                call()
        except DomainError as refusal:
            refused = refusal
        assert (refused is None) == allowed, refused
        assert refused is None or refused.status in (400, 409), refused
        accrue_orders([self.order_id], at=self.now)

    def step(self, who, to):
        reason = {"member": "", "shop": "", "admin": "by hand"}[who]
        move = move_order_by_hand if who == "admin" else move_order
        actor = ADMIN if who == "admin" else SHOP
        move(order_id=self.order_id, to=to, actor=actor, at=self.now, reason=reason)

    @initialize(start=st.sampled_from(["pending", "paid", "processing", "shipped", "delivered"]))
    def begin(self, start):
        """Begin anywhere on the way: few sequences that begin at the till get as far as a return."""
        way = ["pending", "paid", "processing", "shipped", "delivered"]
        for self.status in way[1 : way.index(start) + 1]:
            self.step("shop", self.status)
        accrue_orders([self.order_id], at=self.now)

    @property
    def in_time(self):
        return self.now < AT + timedelta(minutes=30)

    @rule(by=minutes)
    def wait(self, by):
        self.now += timedelta(minutes=by)

    @rule(who=actors)
    def pay(self, who):
        actor = {"member": Actor.of(self.user), "shop": SHOP, "admin": ADMIN}[who]
        paid_before = self.status not in ("pending", "cancelled")
        self.attempt(
            paid_before or (self.status == "pending" and self.in_time),
            lambda: pay_order(order_id=self.order_id, actor=actor, at=self.now),
        )
        if self.status == "pending" and self.in_time:
            self.status = "paid"

    @rule(who=actors)
    def cancel(self, who):
        if who == "member":
            allowed = self.status in ("pending", "paid", "cancelled")
            self.attempt(
                allowed,
                lambda: cancel_own_order(
                    user_id=self.user.pk, order_id=self.order_id, actor=Actor.of(self.user), at=self.now
                ),
            )
        else:
            allowed = self.status in ("pending", "paid", "processing", "cancelled")
            self.attempt(allowed, lambda: self.step(who, "cancelled"))
        if allowed:
            self.status = "cancelled"

    @rule()
    def cancel_late(self):
        due = self.status == "pending" and not self.in_time
        assert cancel_unpaid(at=self.now) == int(due)
        if due:
            self.status = "cancelled"

    @rule(who=st.sampled_from(["shop", "admin"]))
    def pack(self, who):
        self.forward(who, "paid", "processing")

    @rule(who=st.sampled_from(["shop", "admin"]))
    def ship(self, who):
        self.forward(who, "processing", "shipped")

    @rule(who=st.sampled_from(["shop", "admin"]))
    def deliver(self, who):
        self.forward(who, "shipped", "delivered")

    def forward(self, who, before, after):
        self.attempt(self.status in (before, after), lambda: self.step(who, after))
        if self.status == before:
            self.status = after

    @rule(who=actors, line=goods, qty=st.integers(1, PIECES))
    def return_a_part(self, who, line, qty):
        self.number += 1
        allowed = self.status in ("delivered", "partially_returned") and qty <= self.left[line]
        pieces = {self.items[line]: qty}

        def by_member():
            asked = request_return(
                user_id=self.user.pk, order_id=self.order_id, lines=pieces, reason="r", at=self.now
            )
            for _ in range(2):
                accept_return_request(request_id=asked.pk, actor=ADMIN, at=self.now)

        def by_shop():
            for _ in range(2):
                return_lines(
                    order_id=self.order_id,
                    reference=f"CN-{self.number}",
                    lines=pieces,
                    actor=SHOP,
                    at=self.now,
                )

        self.attempt(allowed, by_member if who == "member" else by_shop)
        if allowed:
            self.left[line] -= qty
            self.status = "partially_returned" if any(self.left) else "returned"

    @rule()
    def return_the_rest(self):
        self.number += 1
        allowed = self.status in ("delivered", "partially_returned")
        self.attempt(
            allowed,
            lambda: return_rest(
                order_id=self.order_id, reference=f"ALL-{self.number}", actor=SYSTEM, at=self.now
            ),
        )
        if allowed:
            self.left, self.status = [0, 0], "returned"

    @precondition(lambda self: self.status in ("delivered", "partially_returned", "returned"))
    @rule()
    def accrue_again(self):
        accrue_orders([self.order_id], at=self.now)

    @invariant()
    def books_and_shelves_are_right(self):
        stored = Order.objects.get(pk=self.order_id)
        assert stored.status == self.status
        assert list(stored.items.order_by("position").values_list("returned_qty", flat=True)) == [
            PIECES - left for left in self.left
        ]
        assert audit_ledger().broken == ()
        cancelled = self.status == "cancelled"
        assert Product.objects.get(pk=self.counted.pk).stock == (STOCK if cancelled else STOCK - PIECES)
        held = UserVoucher.objects.get(code=self.code)
        expected = {"pending": "reserved", "cancelled": "available"}.get(self.status, "used")
        assert (held.status, held.order_id) == (expected, None if cancelled else self.order_id)
        points = UserPoints.objects.get(user=self.user).current_points
        if self.status in ("returned", "cancelled"):
            assert points == START  # everything spent is back, everything earned is gone
        elif self.status not in ("delivered", "partially_returned"):
            assert points == START - POINTS
        backs = [one.refund for one in stored.returns.all()]
        if self.status == "returned":
            assert sum(backs) == stored.subtotal - stored.discount - stored.points_value
            assert sum(one.points_back for one in stored.returns.all()) == POINTS


@pytest.mark.django_db
def test_any_sequence_is_allowed_or_refused_and_leaves_clean_books():
    run_state_machine_as_test(
        OrderLife,
        settings=settings(
            max_examples=25,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
